"""What a program is: a Guard, its validators and its LLM, who calls it, where, and how it ends.

Everything is a string, a number or a tuple of them, so that a program is a line of JSON and can be
played again from the command line. What someone does is a tuple of acts, such as `set a` or
`sleep 2`; `tests.parity.acts` knows them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

Acts = tuple[str, ...]


@dataclass(frozen=True)
class Check:
    """A validator.

    Attributes:
        how: Which of its methods it overrides.
        verdict: What it thinks of a text.
        on_fail: What happens when it fails.
        does: What it does before it judges.
        handles: What its on_fail handler does, where that is `custom`.
        buffer: What it sets `accumulated_chunks` to when it is made.
    """

    how: str = "sync"
    verdict: str = "pass"
    on_fail: str = "noop"
    does: Acts = ()
    handles: Acts = ()
    buffer: str = ""


@dataclass(frozen=True)
class Llm:
    """An LLM.

    Attributes:
        does: What it does when it is called.
        chunks: How many chunks it streams.
        form: What its stream is.
        each: What it does before each chunk but the first.
        ends: What it does when its stream ends or is closed.
        fails: The chunk at which it hangs up; 0 is never.
    """

    does: Acts = ()
    chunks: int = 3
    form: str = "generator"
    each: Acts = ()
    ends: Acts = ()
    fails: int = 0


@dataclass(frozen=True)
class Call:
    """A call of the Guard, by a caller with a Context of its own.

    Attributes:
        kind: Which method is called.
        before: What the caller does before it.
        scope: Within which time limit or scope it is made.
        reads: What the caller does with a stream.
        after: What the caller does after it.
        tries: How often the caller tries while it fails.
        reasks: How often the Guard may ask again.
    """

    kind: str = "validate"
    before: Acts = ()
    scope: str = ""
    reads: Acts = ("rest",)
    after: Acts = ()
    tries: int = 1
    reasks: int = 0


@dataclass(frozen=True)
class Program:
    """A program.

    Attributes:
        guard: The class of the Guard.
        sub: What a subclass of it makes of `_execute`.
        host: Where it is called.
        checks: Its validators.
        inner: The validators of a Guard that the act `nest` calls.
        llm: Its LLM.
        calls: The calls of it.
        at_once: Whether they are made at once, or in turns.
        tracing: Whether guardrails traces, and what records its spans.
        schema: What is validated: a string, or a model with a field for each validator.
    """

    guard: str = "Guard"
    sub: str = ""
    host: str = "main"
    checks: tuple[Check, ...] = (Check(),)
    inner: tuple[Check, ...] = ()
    llm: Llm = Llm()
    calls: tuple[Call, ...] = (Call(),)
    at_once: bool = False
    tracing: str = "off"
    schema: str = "string"

    def dumped(self) -> str:
        """Writes the program as a line of JSON, without what is usual."""
        return json.dumps(_unusual(self))

    @classmethod
    def loaded(cls, text: str) -> Program:
        """Reads what `dumped` wrote."""
        return _made(cls, json.loads(text))


_PARTS: dict[str, Any] = {"checks": Check, "inner": Check, "calls": Call, "llm": Llm}


def _unusual(part: Any) -> dict[str, Any]:
    usual = type(part)()
    found: dict[str, Any] = {}
    for field in fields(part):
        value = getattr(part, field.name)
        if value != getattr(usual, field.name):
            found[field.name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int)) else _unusual(value)


def _made(cls: Any, found: dict[str, Any]) -> Any:
    return cls(**{name: _read(_PARTS.get(name), value) for name, value in found.items()})


def _read(cls: Any, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_read(cls, each) for each in value)
    return _made(cls, value) if isinstance(value, dict) else value


def settled(program: Program) -> Program:
    """Leaves out what nobody does in it, so that no two programs are the same in other words."""
    nests = any("nest" in (*check.does, *check.handles) for check in program.checks)
    asks = any(call.kind != "validate" for call in program.calls)
    return replace(
        program,
        checks=tuple(map(_settled_check, program.checks)),
        inner=program.inner if nests else (),
        llm=program.llm if asks else Llm(),
        calls=tuple(map(_settled_call, program.calls)),
        at_once=program.at_once and len(program.calls) > 1,
    )


def _settled_check(check: Check) -> Check:
    return check if check.on_fail == "custom" else replace(check, handles=())


def _settled_call(call: Call) -> Call:
    return call if call.kind == "stream" else replace(call, reads=Call().reads)


def shown(program: Program) -> str:
    """Writes a program as a few lines of text."""
    return "\n".join(_lines(program))


def _lines(program: Program) -> Iterator[str]:
    kind = f"{program.guard} ({program.sub})" if program.sub else program.guard
    yield f"{kind} of a {program.schema}, called in {program.host}, tracing {program.tracing}"
    for name, checks in (("validator", program.checks), ("inner validator", program.inner)):
        for number, check in enumerate(checks):
            yield f"  {name} {number}: {_told(check)}"
    if any(call.kind in {"ask", "stream"} for call in program.calls):
        yield f"  LLM: {_told(program.llm)}"
    for number, call in enumerate(program.calls):
        yield f"  call {number}: {_told(call)}"
    if len(program.calls) > 1:
        yield f"  the calls are made {'at once' if program.at_once else 'in turns'}"


def _told(part: Any) -> str:
    everything = asdict(part).items()
    told = [f"{name} {_words(each)}" for name, each in everything if each != _usual(part, name)]
    return ", ".join(told) or "as usual"


def _usual(part: Any, name: str) -> Any:
    # What kind of thing it is is always told.
    return None if name in {"how", "verdict", "kind"} else getattr(type(part)(), name)


def _words(value: Any) -> str:
    return "[" + "; ".join(value) + "]" if isinstance(value, tuple) else str(value)
