"""The ways to read a stream of a Guard, the tree that each must give, and what must be seen."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import product

import pytest

from .oracle import differences, report, return_faults, tree_faults
from .patches import Patch, repaired_by
from .scenarios import TRACING
from .spans import Node, Span, node
from .stage import NAME, ROOT, SECRET, VALUE, Sight, Stage, own_span
from .validators import FAULT, span_of

GUARDS = ("Guard", "AsyncGuard")

# Where the consumer asks for the next chunk; all but the first open spans between chunks.
READINGS = ("at once", "here", "elsewhere", "another context")
WHOLE = ("exhausted", "the LLM fails", "a validator fails")
LEFT = ("closed", "dropped")
# As where an exception's traceback holds the stream: the collector closes its parts in any order.
TIED = "dropped in a cycle"
UNREAD = ("closed unread", "dropped unread")
# The kinds of validators whose chunks cannot be told from the LLM's.
KINDS = ("chunks", "validate", "validate_stream")


@dataclass(frozen=True)
class Text:
    """What the LLM streams.

    Attributes:
        chunks: The chunks, one by one.
        judged: How often each of them makes a validator judge.
    """

    chunks: tuple[str, ...]
    judged: tuple[int, ...]


# One chunk of three has something wrong in it.
TEXTS = {
    "chunks": Text(("One two. ", f"Three {FAULT}. ", "Five six."), (1, 1, 1)),
    "validate": Text(("One ", f"{FAULT}. Three", " four."), (0, 1, 1)),
    "validate_stream": Text(("One two. ", f"Three {FAULT}. ", "Five six."), (1, 1, 1)),
}


@dataclass(frozen=True)
class Reading:
    """One way to read a stream.

    Attributes:
        guard: Guard or AsyncGuard.
        tracing: Who records spans.
        place: Where the consumer asks for each chunk.
        ending: How the reading ends.
        kind: What the validators' author wrote.
    """

    guard: str
    tracing: str
    place: str
    ending: str
    kind: str = "chunks"

    def __str__(self) -> str:
        return "-".join(astuple(self))

    @property
    def text(self) -> Text:
        """What the LLM streams."""
        return TEXTS[self.kind]

    @property
    def limit(self) -> int:
        """How many chunks the consumer reads at most."""
        if self.ending in UNREAD:
            return 0
        return 1 if self.ending in (*LEFT, TIED) else len(self.text.chunks) + 1

    @property
    def asked(self) -> int:
        """How many chunks the LLM is asked for that it has or fails to give."""
        failing = self.ending in ("the LLM fails", "a validator fails")
        return min(self.limit, 2 if failing else len(self.text.chunks))

    @property
    def roles(self) -> tuple[str, ...]:
        """The validators; one alone where it fails, for others would not be waited for."""
        return ("first",) if self.ending == "a validator fails" else ("first", "second")

    @property
    def closes_in_the_step(self) -> bool:
        """Whether the LLM's stream is closed by the step that reads it.

        Guardrails lets go of it: an exception holds it for longer, the collector takes any order,
        and an asynchronous one is closed by its event loop.
        """
        if self.ending == "a validator fails":
            return False
        return self.ending in WHOLE or (self.guard == "Guard" and self.ending != TIED)

    @property
    def outcomes(self) -> tuple[int, ...]:
        """After how many of the LLM's chunks each outcome reaches the consumer."""
        given = self.asked - (self.ending in ("the LLM fails", "a validator fails"))
        numbers = range(1, given + 1)
        if self.guard == "AsyncGuard":
            # It holds text back until every validator has judged.
            return tuple(n for n in numbers if self.text.judged[n - 1])
        return tuple(numbers)

    @property
    def repaired_by(self) -> Patch:
        """The patch that makes the whole invariant hold.

        MLflow wraps `validate`, until the seventh: an own `validate_stream`, and a chunk that
        is not judged yet, has no span.
        """
        if self.tracing == "opentelemetry":
            return Patch.STREAMS
        return Patch.MLFLOW_STREAMS if self.kind == "chunks" else Patch.INSTRUMENTOR


def every() -> Iterator[Reading]:
    """Every way to read, with validators that judge each chunk; then every kind of them."""
    for guard, tracing in product(GUARDS, TRACING):
        for place, ending in (
            *product(READINGS, WHOLE),
            *product(READINGS[1:], LEFT),
            *product(["here"], UNREAD),
        ):
            # Where the consumer is, is all the same to the provider.
            if tracing != "mlflow-shared" or place in ("here", "elsewhere"):
                yield Reading(guard, tracing, place, ending)
    for tracing in TRACING:
        yield Reading("Guard", tracing, "here", TIED)
    for guard, tracing, kind in product(GUARDS, TRACING, KINDS[1:]):
        yield Reading(guard, tracing, "here", "exhausted", kind)


def parameters() -> list[object]:
    """Every reading as a pytest parameter with its mark."""
    return [pytest.param(r, id=str(r), marks=repaired_by(r.repaired_by)) for r in every()]


def expected(reading: Reading, stage: Stage) -> Node:
    """The tree that a reading must give, wherever its chunks are asked for."""
    names = stage.tracing
    below = []
    if reading.asked:
        below.append(node(names.call, node(own_span("llm"))))
    for number in range(reading.asked):
        below += _chunk(reading, number)
    steps = [node(names.step, *below)] if below else []
    consumer = node(own_span("consumer"), *[node(own_span("between"))] * _between(reading))
    return node(ROOT, node(names.guard, *steps), consumer)


def _chunk(reading: Reading, number: int) -> list[Node]:
    """The spans below the step that one of the LLM's chunks gives."""
    below = [node(own_span("stream"))]
    if reading.ending == "the LLM fails" and number == reading.asked - 1:
        return below
    for role in reading.roles:
        below.append(node(span_of(role), *[node(own_span(role))] * reading.text.judged[number]))
    return below + [node(own_span("on_fail"))] * _handled(reading, number)


def _handled(reading: Reading, number: int) -> int:
    """How often the on_fail handler is called for a chunk.

    An AsyncGuard calls it a second time when it puts the chunks together.
    """
    if reading.ending == "a validator fails" or FAULT not in reading.text.chunks[number]:
        return 0
    return 2 if reading.guard == "AsyncGuard" else 1


def _between(reading: Reading) -> int:
    """How many spans the consumer opens while the stream is open."""
    if reading.place == "at once":
        return 0
    return max(1, len(reading.outcomes))


def surroundings(reading: Reading, stage: Stage) -> list[tuple[str, str]]:
    """Who acts, how often, and the span that is current for each."""
    names, roles = stage.tracing, []
    for number in range(reading.asked):
        roles.append(("stream", names.step))
        if reading.ending == "the LLM fails" and number == reading.asked - 1:
            continue
        for role in reading.roles:
            roles += [(role, span_of(role))] * reading.text.judged[number]
        roles += [("on_fail", names.step)] * _handled(reading, number)
    if reading.asked:
        roles += [("llm", names.call), ("closed", names.step)]
    return roles


def stream_faults(reading: Reading, stage: Stage, spans: list[Span]) -> list[str]:
    """What the invariant forbids besides wrong trees."""
    return [
        *_sight_faults(reading, stage),
        *return_faults(stage),
        *open_faults(stage, spans),
    ]


def _sight_faults(reading: Reading, stage: Stage) -> list[str]:
    wanted = surroundings(reading, stage)
    should, acted = Counter(role for role, _ in wanted), Counter(role for role, _ in stage.sights)
    faults = [] if acted == should else [f"acted: {dict(acted)}, expected {dict(should)}"]
    around = dict(wanted)
    for role, sight in stage.sights:
        if role == "closed" and not reading.closes_in_the_step:
            continue
        should_see = Sight(VALUE, VALUE, NAME, SECRET, around.get(role))
        faults += differences(role, should_see, sight)
    return faults


def open_faults(stage: Stage, spans: list[Span]) -> list[str]:
    """Guards that ended before the consumer was done with their stream."""
    between = [span for span in spans if span.name == own_span("between")]
    guards = [span for span in spans if span.name == stage.tracing.guard]
    return [
        f"{guard.name} ended before the stream did"
        for guard in guards
        if any(guard.end < span.end for span in between)
    ]


def judge(reading: Reading, stage: Stage, others: list[str]) -> None:
    """Fails, with everything that is wrong and both trees, unless the invariant held."""
    spans, tree = stage.tracing.finished(), expected(reading, stage)
    faults = [*tree_faults(tree, spans), *stream_faults(reading, stage, spans), *others]
    assert not faults, report(faults, tree, spans)
