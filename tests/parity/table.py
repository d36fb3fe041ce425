"""What may differ: one entry for each, with the patch and the README's line that says so.

An entry covers as little as it can. What is not covered fails the test, and so does an entry that
no program needs, or whose line the README does not have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.parity.compare import NOTHING, Difference, Observation
from tests.parity.program import Call, Check, Llm, Program

# As good as at once.
SOON = 0.01


@dataclass(frozen=True)
class Case:
    """A difference with all that it was seen with.

    Attributes:
        program: The program that was played.
        difference: The difference.
        published: What was observed on the published tree.
        patched: What was observed on the patched tree.
    """

    program: Program
    difference: Difference
    published: Observation
    patched: Observation

    @property
    def call(self) -> str:
        """The number of the call that the difference is about, if it is about one."""
        found = re.match(r"(\d+)/", self.difference.where)
        return found.group(1) if found else ""

    @property
    def role(self) -> str:
        """Who noted it: `caller`, `llm`, `v0`, `v0 on_fail`, or what was looked at."""
        return self.difference.where.partition("/")[2] or self.difference.where

    def both(self, published: str, patched: str) -> bool:
        """Whether what was noted on the two trees begins so, and is so."""
        found = self.difference
        return bool(re.match(published, found.published) and re.fullmatch(patched, found.patched))


@dataclass(frozen=True)
class Entry:
    """A difference that is allowed.

    Attributes:
        name: What differs.
        patch: The patch that makes it differ.
        line: What the README says of it.
        covers: Whether a difference is of this kind.
        needed_by: A program that shows it.
        since: The first of the releases that are played to show it.
    """

    name: str
    patch: int
    line: str
    covers: Callable[[Case], bool]
    needed_by: Program
    since: str = "0.6.0"


def _sees_what_the_caller_has(case: Case) -> bool:
    if case.role == "caller":
        return False
    own = rf"sees \w: set by {case.call}/caller|counts with {_precision(case)} digits"
    return case.both(r"sees \w|counts with", own)


def _precision(case: Case) -> str:
    """The precision that the call's own caller has set before it."""
    before = case.program.calls[int(case.call)].before if case.call else ()
    return next((act.split()[1] for act in reversed(before) if act.startswith("precision ")), "no")


def _no_current_span(case: Case) -> bool:
    return case.role == "caller" and case.both(
        "current span: (stream_guard_span|async_stream_span|step|call)",
        "current span: (request|none)",
    )


def _another_streams_text(case: Case) -> bool:
    """Whether a validator of this call was given what another stream had left."""
    log = case.published.get("log", [])
    texts = (what for _, who, what in log if case.call and who.startswith(f"{case.call}/v"))
    return any(_of_two_streams(text, case.call) for text in texts)


def _of_two_streams(text: str, call: str) -> bool:
    found = re.findall(r"Sentence (\d+) of (\d+)", text)
    return any(number != call for _, number in found) or len(set(found)) < len(found)


def _gone(name: str, pattern: str) -> Callable[[Case], bool]:
    """Covers what was there on the published tree and is not on the patched one."""

    def covers(case: Case) -> bool:
        lines = case.difference.published.split(" | ")
        return (
            case.difference.where == name
            and case.difference.patched == NOTHING
            and all(re.search(pattern, line) for line in lines)
        )

    return covers


def _either(*all_of_them: Callable[[Case], bool]) -> Callable[[Case], bool]:
    return lambda case: any(each(case) for each in all_of_them)


def _waits_for_a_thread(case: Case) -> bool:
    """Whether a call fails only once what its siblings do in threads has ended."""
    if not _fails_beside_threads(case.program) or _hangs(case.patched):
        return False
    if case.difference.where == "order":
        return True
    if case.role == "caller, when":
        return "met " in case.difference.patched and _ended_with_a_thread(case)
    if re.fullmatch(r"v\d+( on_fail)?, when", case.role):
        return _earlier(case.difference)
    if re.fullmatch(r"v\d+( on_fail)?", case.role):
        return case.difference.published == NOTHING and "Hung" not in case.difference.patched
    return case.difference.where == "history"


def _earlier(difference: Difference) -> bool:
    """Whether what was left behind until the loop ran again is done at once now."""
    texts = (difference.published, difference.patched)
    one, other = (float(text.split()[1]) for text in texts)
    return other < one


def _fails_beside_threads(program: Program) -> bool:
    threads = [check for check in program.checks if check.how != "async"]
    fails = [check for check in program.checks if _may_fail(check)]
    return bool(threads) and bool(fails) and len(program.checks) > 1


def _may_fail(check: Check) -> bool:
    acts = " ".join((*check.does, *check.handles))
    return "raise" in acts or "fail" in check.verdict or "reset" in acts


def _hangs(observed: Observation) -> bool:
    return any("Hung" in what for _, _, what in observed.get("log", [])) or bool(
        observed.get("ends")
    )


def _ended_with_a_thread(case: Case) -> bool:
    """Whether the call failed at the very time at which a job in a thread ended."""
    log, caller = case.patched["log"], f"{case.call}/caller"
    met = [when for when, who, what in log if who == caller and "met " in what][-1]
    ended = [when for when, who, _ in log if who in _in_threads(case) and when <= met + SOON]
    return bool(ended) and met - max(ended) < SOON


def _in_threads(case: Case) -> set[str]:
    checks = enumerate(case.program.checks)
    return {f"{case.call}/v{at}" for at, check in checks if check.how != "async"}


def _guard_spans(case: Case) -> bool:
    return case.difference.where == "guard spans"


def _of_streams(case: Case) -> bool:
    return _guard_spans(case) and any(call.kind == "stream" for call in case.program.calls)


def _kept_stream(case: Case) -> bool:
    """Whether spans are open of a stream that can still be read."""
    if case.difference.where != "open spans":
        return False
    kept = any("keep" in call.reads for call in case.program.calls)
    readable = case.program.guard == "Guard" and kept
    return _gone("open spans", "^stream_guard_span$")(case) or (
        readable and case.difference.patched in {"guard", "step"}
    )


def _of_shared_guards(case: Case) -> bool:
    return _guard_spans(case) and case.program.at_once and len(case.program.calls) > 1


def _siblings_left_behind(case: Case) -> bool:
    """Whether it is there on the published tree only, of siblings that were left behind."""
    gone = _either(
        _gone("open spans", r"\.validate$"),
        _gone("alive", "request$"),
        _gone("errors", "Task was destroyed|Task exception was never retrieved"),
    )
    several = len(case.program.checks) > 1 and any(map(_may_fail, case.program.checks))
    return several and gone(case)


_SET = Call(before=("set a",))
_STREAM = Call(kind="stream")
TABLE: tuple[Entry, ...] = (
    Entry(
        "whoever is called sees what the caller has set",
        3,
        "LLM callables, validators and on_fail handlers lose the caller's ContextVars",
        _sees_what_the_caller_has,
        Program(checks=(Check(does=("get a",)),), calls=(_SET,)),
    ),
    Entry(
        "no stream has what another has left",
        10,
        "What is left of one user's stream is given to the next user's validator",
        _another_streams_text,
        Program(checks=(Check(how="stream"),), calls=(_STREAM, _STREAM)),
    ),
    Entry(
        "nothing is computed for spans that do not record",
        15,
        "Where nobody traces, half of a call's CPU still goes into what spans would record",
        _gone("warnings", r"^DeprecationWarning: Use \w+\.model_dump\(\) instead"),
        Program(calls=(Call(kind="ask"),), tracing="none"),
        since="0.11.0",
    ),
    Entry(
        "a failure waits for what its siblings do in threads",
        13,
        "When one of several validators raises, the call fails once the others have ended.",
        _waits_for_a_thread,
        Program(
            guard="AsyncGuard",
            host="asyncio",
            checks=(Check(does=("raise ValueError",)), Check(does=("sleep 3",))),
        ),
    ),
    Entry(
        "no sibling outlasts a failure",
        13,
        "When one validator raises, the spans of the others outlast the call, or never end",
        _siblings_left_behind,
        Program(
            guard="AsyncGuard",
            host="loop",
            checks=(Check(how="async", does=("raise ValueError",)), Check()),
            tracing="sdk",
        ),
    ),
    Entry(
        "no stream is made in one Context and left in another",
        5,
        "Spans of streams have the wrong parents, end too early, or stay current in the consumer",
        _gone("errors", "^logged: opentelemetry.context: Failed to detach context"),
        Program(
            guard="AsyncGuard",
            host="loop",
            calls=(Call(kind="stream", reads=("next",)),),
            tracing="sdk",
        ),
    ),
    Entry(
        "no span of a stream is current in its consumer",
        5,
        "Spans of streams have the wrong parents, end too early, or stay current in the consumer",
        _no_current_span,
        Program(calls=(_STREAM,), tracing="sdk"),
    ),
    Entry(
        "a stream that is kept has a guard span, and none for a chunk",
        5,
        "the `guard` span lasts as long as its stream.",
        _kept_stream,
        Program(calls=(Call(kind="stream", reads=("next", "keep")),), tracing="sdk"),
    ),
    Entry(
        "a stream's guard span lasts as long as it, and tells how it ended",
        5,
        "the `guard` span lasts as long as its stream.",
        _of_streams,
        Program(llm=Llm(fails=1), calls=(_STREAM,), tracing="sdk"),
    ),
    Entry(
        "a guard span records its own call",
        14,
        "Where users share a Guard, one user's prompt is on another's guard span",
        _of_shared_guards,
        Program(
            guard="AsyncGuard",
            host="asyncio",
            checks=(Check(how="async", does=("sleep 1",)),),
            calls=(Call(kind="ask"), Call(kind="ask")),
            at_once=True,
            tracing="sdk",
        ),
    ),
)


def allowed(cases: Iterable[Case]) -> list[tuple[Case, Entry | None]]:
    """Says for each difference which entry covers it, if any does."""
    return [(case, next((entry for entry in TABLE if entry.covers(case)), None)) for case in cases]
