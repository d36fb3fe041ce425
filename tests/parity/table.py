"""What may differ: one entry for each, with the patch and the documents' line that says so.

An entry covers as little as it can. What is not covered fails the test, and so does an entry that
no program needs, or whose line docs/behaviour.md and docs/defects.md do not have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.parity.compare import NOTHING, Difference, Observation
from tests.parity.program import Call, Check, Llm, Program

# What comes so late was waiting for the garbage collector.
LATER = 900
# So long a failure waits for its siblings, and a little more.
CLEANUP = 0.55


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
        line: What the documents say of it.
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
    if case.role.startswith("inner"):
        # The caller of a Guard that a validator calls is this validator.
        own += rf"|sees \w: set by {case.call}/(v\d+|llm)|counts with 5 digits"
    return case.both(r"sees \w|counts with", own)


def _leaves_the_readers_precision(case: Case) -> bool:
    """Whether a validator's precision was the stream's reader's as well, and is not now."""
    acts = [act for check in case.program.checks for act in (*check.does, *check.handles)]
    digits = "|".join(act.split()[1] for act in acts if act.startswith("precision "))
    return case.role == "caller" and case.both(f"counts with ({digits or 'no'}) ", "counts with .*")


def _sees_what_the_llm_has_set(case: Case) -> bool:
    if not re.fullmatch(r"v\d+", case.role):
        return False
    llm = case.program.llm
    digits = "|".join(
        act.split()[1] for act in (*llm.does, *llm.each) if act.startswith("precision ")
    )
    seen = rf"sees \w: set by {case.call}/llm|counts with ({digits or 'no'}) digits"
    return case.both(r"sees \w|counts with", seen)


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


_AS_MADE = r"(\['seed\. '\]|deque\(\[\], maxlen=3\)|\[\])"


def _own_buffer(case: Case) -> bool:
    """Whether a validator has its own buffer again, after a stream."""
    streams = [call for call in case.program.calls if call.kind == "stream"]
    if not streams or not any(check.buffer for check in case.program.checks):
        return False
    if case.role == "caller":
        kept = "looks at what is kept: "
        again = rf"({kept}\[{_AS_MADE}(, {_AS_MADE})*\]( \| )?)+"
        within = int(case.call) == 0 and any("buffer" in call.reads for call in streams)
        return not within and case.both(kept, again)
    had_one_before = int(case.call or 0) > 0 or any(call.tries > 1 for call in streams)
    return had_one_before and case.both("judges|has kept|accumulates", ".*seed.*")


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


def _siblings_are_cancelled(case: Case) -> bool:
    """Whether a sibling of a validator that raises is cancelled, and does not go on."""
    several = len(case.program.checks) > 1 and any(map(_may_fail, case.program.checks))
    if not several or _hangs(case.patched):
        return False
    if case.difference.where == "history":
        return _calls(case.published) == _calls(case.patched)
    if case.difference.where == "order":
        return True
    if not _fails(case):
        return False
    if re.fullmatch(r"(caller|v\d+( on_fail)?), when", case.role):
        return _later(case.difference) < CLEANUP
    return bool(re.fullmatch(r"v\d+( on_fail)?", case.role)) and _only_cancelled(case)


def _only_cancelled(case: Case) -> bool:
    """Whether there is nothing new but that it was cancelled, or it is done earlier."""
    if case.difference.patched == NOTHING:
        return True
    before = {what for _, who, what in case.published["log"] if who == case.difference.where}
    return all(
        line in before or re.fullmatch(r"(slept|waited) and met CancelledError\(.*\)", line)
        for line in case.difference.patched.split(" | ")
    )


def _later(difference: Difference) -> float:
    """How much later something is done now."""
    texts = (difference.published, difference.patched)
    one, other = (float(text.split()[1]) for text in texts)
    return other - one


def _calls(observed: Observation) -> list[str]:
    """What the history says of each call but for its status and its validators' logs."""
    lines = (line.partition("[[")[0] for line in observed.get("history", []))
    return sorted(re.sub(r"history: \w+", "history", line) for line in lines)


def _may_fail(check: Check) -> bool:
    # A handler is called on an event loop, where the bridges raise.
    acts = " ".join((*check.does, *check.handles))
    bridges = {"anyio.run", "asyncio.run", "async_to_sync"} & {*check.does, *check.handles}
    return "raise" in acts or "fail" in check.verdict or "reset" in acts or bool(bridges)


def _fails(case: Case) -> bool:
    """Whether a validator of the call has raised, or the call was cancelled."""
    found = r"raises |met |tries again after |left its scope: cancelled True"
    log = case.patched.get("log", [])
    return any(who.startswith(f"{case.call}/") and re.search(found, what) for _, who, what in log)


def _hangs(observed: Observation) -> bool:
    return any("Hung" in what for _, _, what in observed.get("log", [])) or bool(
        observed.get("ends")
    )


def _is_not_read_on(case: Case) -> bool:
    """Whether the LLM's stream was read to its end to be recorded, and is not now."""
    number = case.call or _either_text(case).partition("/")[0]
    if case.program.tracing == "off":
        return False
    if case.role == "caller, when":
        # The end of the LLM's stream took its time.
        return bool(case.program.llm.ends) and _later(case.difference) < 0
    if case.role == "caller" and case.both(
        "reads of the LLM's own stream: 'the end'", "(met|reads of the LLM's own stream:) .*"
    ):
        return True
    if _chunks(case.published, number) <= _chunks(case.patched, number) and not (
        _ended(case.published, number) and not _ended(case.patched, number)
    ):
        return False
    if case.role == "caller":
        return case.both(rf"sees \w: set by {number}/llm|counts with", r"sees \w.*|counts with.*")
    return bool(re.fullmatch("llm(, when)?", case.role)) or (
        case.difference.where == "alive" and _either_text(case).endswith(("llm stream", "request"))
    )


def _either_text(case: Case) -> str:
    found = case.difference
    return found.published if found.patched == NOTHING else found.patched


def _ended(observed: Observation, call: str) -> bool:
    """Whether the LLM's stream came to its end while the program was played."""
    ends = (call + "/llm", "ends its stream")
    return any((who, what) == ends and at < LATER for at, who, what in observed.get("log", []))


def _chunks(observed: Observation, call: str) -> int:
    """How many chunks were read of the LLM's stream, or failed to be."""
    llm = f"{call}/llm"
    return sum(
        who == llm and bool(re.match("streams|raises", what))
        for _, who, what in observed.get("log", [])
    )


def _ends_with_the_exit(case: Case) -> bool:
    return case.role == "caller" and case.both("met CancelledError", r"met SystemExit\(3\)")


def _never_retrieved_exit(case: Case) -> bool:
    """Whether asyncio tells of a SystemExit, as it does when a loop's tasks are collected."""
    found = case.difference
    told = any("never retrieved SystemExit" in each for each in (found.published, found.patched))
    return case.role == "errors" and told


def _would_deadlock(case: Case) -> bool:
    """Whether it hung for ever, and asgiref says now why it would."""
    log = case.patched.get("log", [])
    told = any("already being used, would deadlock" in what for _, _, what in log)
    return told and "it hung for ever" in case.published.get("ends", [])


def _another_calls_reasks(case: Case) -> bool:
    """Whether a call without an LLM was to ask again as often as another call was."""
    log = case.published.get("log", [])
    asked = {who for _, who, what in log if "API must be provided" in what}
    several = len({call.reasks for call in case.program.calls}) > 1
    mine = f"{case.call}/caller" in asked or case.difference.where == "history"
    return several and bool(asked) and mine


def _another_outcome(case: Case) -> bool:
    """Whether the guard span has the call that the outcome is of, of several."""
    return _guard_spans(case) and case.program.sub == "first of two"


def _guard_spans(case: Case) -> bool:
    return case.difference.where == "guard spans"


def _of_streams(case: Case) -> bool:
    return _guard_spans(case) and any(call.kind == "stream" for call in case.program.calls)


def _kept_stream(case: Case) -> bool:
    """Whether spans are open of a stream that can still be read."""
    if case.difference.where != "open spans":
        return False
    kept = any("keep" in call.reads for call in case.program.calls)
    return _gone("open spans", "^(stream_guard_span|async_stream_span)$")(case) or (
        kept and case.difference.patched in {"guard", "step"}
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
        9,
        "LLM callables, validators and on_fail handlers lose the caller's ContextVars",
        _sees_what_the_caller_has,
        Program(checks=(Check(does=("get a",)),), calls=(_SET,)),
    ),
    Entry(
        "a validator in a thread sees what the LLM has set",
        1,
        "Validators see what the LLM callable has set, too, as those on an event loop did.",
        _sees_what_the_llm_has_set,
        Program(
            guard="AsyncGuard",
            host="asyncio",
            llm=Llm(does=("set a",)),
            calls=(Call(kind="ask"),),
        ),
    ),
    Entry(
        "a validator's precision is not the reader's",
        9,
        "They see a copy of your `decimal` context and of Sentry's scopes,",
        _leaves_the_readers_precision,
        Program(
            checks=(Check(does=("precision 5",)),),
            calls=(Call(kind="stream", before=("precision 9",), reads=("next in thread",)),),
        ),
    ),
    Entry(
        "asgiref tells what would hang",
        1,
        "A `sync_to_async` that made the call hang, as it waited for the thread that waits for it,",
        _would_deadlock,
        Program(host="sync_to_async", checks=(Check(how="async", does=("sync_to_async",)),)),
        since="0.11.0",
    ),
    Entry(
        "after a SystemExit nothing is left of the call",
        7,
        "After a validator's `SystemExit` or Ctrl-C, what is left of that call is cancelled;",
        # Which of the two is there depends on when garbage is collected.
        lambda case: (
            "SystemExit" in case.program.dumped()
            and _either(_never_retrieved_exit, _ends_with_the_exit, _gone("alive", "request$"))(
                case
            )
        ),
        Program(host="to_thread", checks=(Check(does=("raise SystemExit",)),)),
        since="0.11.0",
    ),
    Entry(
        "a validator has its own buffer again",
        14,
        "When a stream has ended, a validator's `accumulated_chunks` is what it was before.",
        _own_buffer,
        Program(
            checks=(Check(how="chunk", does=("raise OwnError",), buffer="seeded"),),
            calls=(Call(kind="stream", after=("buffer",)),),
        ),
    ),
    Entry(
        "the LLM's stream is not read on to be recorded",
        10,
        "When a stream ends, the history lets go of what was not read of the LLM's stream, "
        "which was read to its end where spans record.",
        _is_not_read_on,
        Program(
            checks=(Check(verdict="fail", on_fail="exception"),), calls=(_STREAM,), tracing="sdk"
        ),
    ),
    Entry(
        "a stream that is kept keeps what its caller has",
        9,
        "it keeps them alive for as long as it can be read.",
        lambda case: (
            case.difference.where == "alive"
            and case.difference.published == NOTHING
            and bool(re.fullmatch(r"\d+/request", case.difference.patched))
            and "keep" in case.program.calls[int(case.difference.patched[0])].reads
        ),
        Program(
            guard="AsyncGuard", host="loop tidy", calls=(Call(kind="stream", reads=("keep",)),)
        ),
    ),
    Entry(
        "no task is left of a stream",
        10,
        "You can read it on if you have it yourself; else it is closed.",
        lambda case: (
            any(call.kind == "stream" for call in case.program.calls)
            and _gone("errors", "Task was destroyed but it is pending")(case)
        ),
        Program(
            guard="AsyncGuard",
            host="loop",
            calls=(Call(kind="stream", reads=("next", "throw")),),
        ),
    ),
    Entry(
        "no stream has what another has left",
        14,
        "What is left of one user's stream is given to the next user's validator",
        _another_streams_text,
        Program(checks=(Check(how="stream"),), calls=(_STREAM, _STREAM)),
    ),
    Entry(
        "nothing is computed for spans that do not record",
        17,
        "Where nobody traces, half of a call's CPU still goes into what spans would record",
        _gone("warnings", r"^DeprecationWarning: Use \w+\.model_dump\(\) instead"),
        Program(calls=(Call(kind="ask"),), tracing="none"),
        since="0.11.0",
    ),
    Entry(
        "siblings of a failure are cancelled",
        8,
        "When one of several validators raises, or the call is cancelled, the others are cancelled",
        _siblings_are_cancelled,
        Program(
            guard="AsyncGuard",
            host="asyncio",
            checks=(
                Check(how="async", does=("raise ValueError",)),
                Check(how="async", does=("sleep 3",)),
            ),
            calls=(Call(after=("sleep 4",)),),
        ),
    ),
    Entry(
        "no sibling outlasts a failure",
        8,
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
        10,
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
        10,
        "Spans of streams have the wrong parents, end too early, or stay current in the consumer",
        _no_current_span,
        Program(calls=(_STREAM,), tracing="sdk"),
    ),
    Entry(
        "a stream that is kept has a guard span, and none for a chunk",
        10,
        "the `guard` span lasts as long as its stream.",
        _kept_stream,
        Program(calls=(Call(kind="stream", reads=("next", "keep")),), tracing="sdk"),
    ),
    Entry(
        "a stream's guard span lasts as long as it, and tells how it ended",
        10,
        "the `guard` span lasts as long as its stream.",
        _of_streams,
        Program(llm=Llm(fails=1), calls=(_STREAM,), tracing="sdk"),
    ),
    Entry(
        "a guard span records its own call",
        15,
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
    Entry(
        "a call asks again as often as it says",
        16,
        "A Guard does not remember the messages, reask messages and `num_reasks` of a call.",
        _another_calls_reasks,
        Program(
            host="thread",
            checks=(Check(verdict="fail", on_fail="reask", does=("sleep 1",)),),
            calls=(Call(kind="ask", reasks=1), Call(before=("sleep 0.5",))),
            at_once=True,
        ),
    ),
    Entry(
        "a guard span records the call that its outcome is of",
        15,
        "A `guard` span records the call that the outcome is of, where a subclass makes several.",
        _another_outcome,
        Program(sub="first of two", tracing="sdk"),
    ),
)


def allowed(cases: Iterable[Case]) -> list[tuple[Case, Entry | None]]:
    """Says for each difference which entry covers it, if any does."""
    return [(case, next((entry for entry in TABLE if entry.covers(case)), None)) for case in cases]
