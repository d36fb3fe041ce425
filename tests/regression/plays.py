"""Generated calls: a schema with validators, what the LLM answers, and who else calls."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional

from hypothesis import strategies as st
from pydantic import Field, create_model

from .release import release
from .spans import Node, node
from .stage import ROOT, own_span
from .validators import FAULT, ROLES, span_of

# The fields that an object may have; a string is a schema without any.
FIELDS = ("title", "author.name", "author.address.city", "summary")
WHOLE = "$"
CHUNKS = ("One two. ", "Three four. ", "Five six. ")

# Sequential validation with fix_reask raises up to 0.6.5, without our help.
REASKS = ("reask", "fix_reask") if release() >= (0, 6, 6) else ("reask",)


@dataclass(frozen=True)
class Check:
    """A validator of a generated schema.

    Attributes:
        role: Its name.
        field: The field that it validates.
        kind: What its author wrote.
        on_fail: What happens where it finds fault.
        strict: Whether it finds fault with what is wrong.
    """

    role: str
    field: str
    kind: str
    on_fail: str
    strict: bool

    def __str__(self) -> str:
        finds = "finds what is wrong" if self.strict else "passes"
        return f"{self.field}: {self.role} ({self.kind}, on_fail={self.on_fail}) {finds}"


@dataclass(frozen=True)
class Play:
    """A call of a Guard, whoever makes it and wherever.

    Attributes:
        checks: The validators, of which each has a name of its own.
        wrong: The fields, or the numbers of the chunks, that are wrong in the LLM's answer.
        mended: Whether the LLM does better when it is asked again.
        stream: Whether its answer is streamed.
        breaks_off: After how many chunks the consumer has enough.
        siblings: How many others make the same call at the same time.
    """

    checks: tuple[Check, ...]
    wrong: frozenset[str] = frozenset()
    mended: bool = True
    stream: bool = False
    breaks_off: int = len(CHUNKS) + 1
    siblings: int = 0

    def __repr__(self) -> str:
        return "\n".join(self.draw())

    def draw(self) -> list[str]:
        """The call, for a person to read."""
        answer = f"wrong in {', '.join(sorted(self.wrong))}" if self.wrong else "right"
        again = "" if not self.wrong else ", mended when asked again" if self.mended else ", always"
        lines = [f"a call, {self.siblings} others at the same time"]
        lines.append(f"  the LLM {'streams' if self.stream else 'answers'}: {answer}{again}")
        if self.stream and self.breaks_off <= len(CHUNKS):
            lines.append(f"  the consumer breaks off after {self.breaks_off} chunks")
        return lines + [f"  {check}" for check in self.checks]

    @property
    def fields(self) -> tuple[str, ...]:
        """The schema's fields."""
        return tuple(dict.fromkeys(check.field for check in self.checks))

    def wrong_in(self, step: int) -> frozenset[str]:
        """What is wrong in the LLM's answer to the first question or the second."""
        return frozenset() if step and self.mended else self.wrong

    def answer(self, step: int) -> str:
        """What the LLM answers."""
        wrong = self.wrong_in(step)
        if self.fields == (WHOLE,):
            return _text(WHOLE in wrong)
        answer: dict[str, Any] = {}
        for name in self.fields:
            *above, leaf = name.split(".")
            at = answer
            for part in above:
                at = at.setdefault(part, {})
            at[leaf] = _text(name in wrong)
        return json.dumps(answer)

    def chunks(self) -> tuple[str, ...]:
        """What the LLM streams."""
        return tuple(
            f"{FAULT} {chunk}" if str(number) in self.wrong else chunk
            for number, chunk in enumerate(CHUNKS)
        )

    @property
    def steps(self) -> int:
        """How often the LLM is asked."""
        failing = [check for check in self.checks if check.strict and check.field in self.wrong]
        return 2 if any(check.on_fail in REASKS for check in failing) else 1

    @property
    def read(self) -> int:
        """How many chunks are asked for."""
        return min(self.breaks_off, len(CHUNKS))


def _text(wrong: bool) -> str:
    return f"{FAULT} text" if wrong else "text"


def model(play: Play, validators: dict[str, Any]) -> Any:
    """The pydantic model of a play's object schema."""
    made = {check.role: (check.field, validators[check.role]) for check in play.checks}
    return _model("", made)


def _model(above: str, made: dict[str, tuple[str, Any]]) -> Any:
    below = [(f[len(above) :], v) for f, v in made.values() if f.startswith(above)]
    fields: dict[str, Any] = {}
    for name in dict.fromkeys(rest.split(".")[0] for rest, _ in below):
        own = [check for rest, check in below if rest == name]
        kind = str if own else _model(f"{above}{name}.", made)
        extra: Any = {"validators": own} if own else None
        fields[name] = (kind, Field(json_schema_extra=extra))
    return create_model(f"Answer_{above.replace('.', '_')}", **fields)


# --- what must be seen -----------------------------------------------------------------------


def expected(play: Play, names: Any, guard: str) -> Node:
    """The one tree that a play has, in whichever mode."""
    if play.stream:
        steps = [_streamed(play, names, guard)] if play.read else []
    else:
        steps = [_step(play, names, number) for number in range(play.steps)]
    return node(ROOT, node(names.guard, *steps))


def _step(play: Play, names: Any, number: int) -> Node:
    wrong = play.wrong_in(number)
    below = [node(names.call, node(own_span("llm")))]
    for check in play.checks:
        below += _validation(check, check.strict and check.field in wrong)
    return node(names.step, *below)


def _streamed(play: Play, names: Any, guard: str) -> Node:
    below = [node(names.call, node(own_span("llm")))]
    # An AsyncGuard calls on_fail a second time when it puts the chunks together.
    handled = 2 if guard == "AsyncGuard" else 1
    for number in range(play.read):
        below.append(node(own_span("stream")))
        for check in play.checks:
            below += _validation(check, check.strict and str(number) in play.wrong, handled)
    return node(names.step, *below)


def _validation(check: Check, fails: bool, handled: int = 1) -> list[Node]:
    validation = node(span_of(check.role), node(own_span(check.role)))
    if fails and check.on_fail == "custom":
        return [validation] + [node(own_span(handler(check.role)))] * handled
    # What fix_reask has fixed is validated once more.
    return [validation] * (2 if fails and check.on_fail == "fix_reask" else 1)


def handler(role: str) -> str:
    """The name of a validator's on_fail handler."""
    return f"{role}'s on_fail"


# --- strategies ------------------------------------------------------------------------------


@st.composite
def plays(draw: Any, most_siblings: int = 2) -> Play:
    """Calls of every sort."""
    schema = draw(st.sampled_from(["stream", "object", "string"]))
    # Each of these ends a field's validation where validators run one after another.
    last: Optional[str] = draw(st.sampled_from([*REASKS, "reask", "filter", "refrain"]))
    if schema == "stream":
        checks = draw(_checks((WHOLE,), ("chunks",), None))
        pieces = [str(number) for number in range(len(CHUNKS))]
    else:
        kinds = ("validate", "async_validate", "delegates-to-validate", "delegates-to-super")
        checks = draw(_checks((WHOLE,) if schema == "string" else FIELDS, kinds, last))
        pieces = sorted({check.field for check in checks})
    return Play(
        checks=checks,
        wrong=draw(st.frozensets(st.sampled_from(pieces))),
        mended=draw(st.booleans()),
        stream=schema == "stream",
        breaks_off=draw(st.integers(0, len(CHUNKS) + 1)),
        siblings=draw(st.integers(0, most_siblings)),
    )


@st.composite
def _checks(
    draw: Any, fields: tuple[str, ...], kinds: tuple[str, ...], last: Optional[str]
) -> tuple[Check, ...]:
    """One to four validators; only a field's last may end its validation."""
    drawn = draw(st.lists(st.sampled_from(fields), min_size=1, max_size=len(ROLES)))
    return tuple(_each(draw, sorted(drawn), kinds, last))


def _each(
    draw: Any, fields: list[str], kinds: tuple[str, ...], last: Optional[str]
) -> Iterator[Check]:
    for number, (role, name) in enumerate(zip(ROLES, fields)):
        actions = ["noop", "fix", "custom"]
        if last is not None and name not in fields[number + 1 :]:
            actions += [last, last]
        yield Check(
            role,
            name,
            draw(st.sampled_from(kinds)),
            draw(st.sampled_from(actions)),
            draw(st.booleans()),
        )
