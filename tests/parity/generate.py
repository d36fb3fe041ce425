"""Programs, as Hypothesis makes them.

A program has a theme, such as cancellation or streams: what is drawn has to do with it, so that
things meet that matter to each other. What is drawn first is the simplest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from tests.parity.program import Acts, Call, Check, Llm, Program, settled

HOSTS = (
    "main",
    "idle",
    "run-sync",
    "thread",
    "asyncio",
    "anyio",
    "to_thread",
    "sync_to_async",
    "view",
    "anyio.to_thread",
    "view of a test",
)
ASYNC_HOSTS = ("asyncio", "anyio", "loop", "loop tidy", "thread", "async_to_sync", "both bridges")
HOWS = ("sync", "async", "delegate", "validate", "chunk", "stream")
ON_FAILS = ("noop", "exception", "custom", "fix", "reask", "filter", "refrain", "fix_reask")
FORMS = ("generator", "iterator", "closing", "closing asynchronously")
SCOPES = (
    "move_on_after 2.5",
    "fail_after 2.5",
    "cancel 1.5 because",
    "timeout 2.5",
    "wait_for 2.5",
    "cancel 1.5",
    "move_on_after 0.5",
    "fail_after 4.5",
    "cancel 0.5 because",
)


def one_of(*choices: Any) -> st.SearchStrategy[Any]:
    """One of them; the first is the simplest."""
    return st.sampled_from(choices)


def several(each: st.SearchStrategy[Any], least: int, most: int) -> st.SearchStrategy[Any]:
    """Some of them."""
    return st.lists(each, min_size=least, max_size=most).map(tuple)


def acts(choices: Acts, least: int = 0, most: int = 2) -> st.SearchStrategy[Acts]:
    """A few acts."""
    return several(st.sampled_from(choices), least, most)


@dataclass(frozen=True)
class Theme:
    """What programs of a kind are made of.

    Attributes:
        acts: What validators do.
        handles: What their on_fail handlers do.
        asked: What the LLM does.
        caller: What callers do.
        kinds: How the Guard is called.
        guards: Which Guards there are.
        hosts: Where a Guard is called.
        async_hosts: Where an AsyncGuard is called.
        hows: Which methods validators override.
        verdicts: What validators think.
        on_fails: What happens when they fail.
        scopes: Within which scopes an AsyncGuard is called.
        subs: What subclasses make of `_execute`.
        buffers: What validators set `accumulated_chunks` to.
        tracing: How guardrails traces.
        checks: How many validators there are.
        calls: How many calls there may be.
        tries: How often a caller tries.
    """

    acts: Acts
    handles: Acts
    asked: Acts
    caller: Acts
    kinds: Acts = ("validate", "ask", "stream", "parse")
    guards: Acts = ("Guard", "AsyncGuard")
    hosts: Acts = HOSTS
    async_hosts: Acts = ASYNC_HOSTS
    hows: Acts = HOWS
    verdicts: Acts = ("pass", "fail", "fail once", "override")
    on_fails: Acts = ON_FAILS
    scopes: Acts = ("",)
    subs: Acts = ("",)
    buffers: Acts = ("",)
    tracing: Acts = ("off", "sdk")
    checks: tuple[int, int] = (1, 2)
    calls: int = 2
    tries: tuple[int, ...] = (1,)


VARIABLES = Theme(
    acts=("set a", "reset a", "set b"),
    handles=("reset a", "set b", "set a"),
    asked=("set a", "set b", "reset a"),
    caller=("set a", "set b", "reset a"),
    kinds=("ask", "stream", "validate", "stream"),
    hosts=("main", "asyncio", "anyio", "idle", "run-sync", "to_thread", "thread"),
    hows=("sync", "chunk", "async", "delegate"),
    verdicts=("fail", "pass", "fail", "fail once"),
    on_fails=("custom", "custom", "exception", "noop", "reask"),
)
CANCELLATION = Theme(
    caller=("sleep 2",),
    acts=("sleep 1", "sleep 3", "sleep 5", "cancel", "raise CancelledError"),
    handles=("sleep 1", "cancel"),
    asked=("sleep 1", "sleep 3", "cancel"),
    guards=("AsyncGuard",),
    hows=("async", "sync", "delegate"),
    verdicts=("pass", "fail"),
    scopes=("", *SCOPES),
    checks=(1, 3),
    tries=(1, 1, 2),
)
SIBLINGS = Theme(
    acts=("raise OwnError", "sleep 1", "sleep 3", "wait f", "signal f", "raise SystemExit"),
    handles=("raise OwnError", "signal f", "sleep 1"),
    asked=("raise ValueError", "sleep 1"),
    caller=("sleep 2", "signal f"),
    on_fails=("exception", "custom", "noop", "filter", "refrain", "fix"),
    scopes=("", "", "timeout 2.5", "move_on_after 2.5"),
    subs=("", "", "", "retries"),
    checks=(2, 3),
    tries=(1, 1, 2),
)
STREAMS = Theme(
    acts=("sleep 1", "raise OwnError", "set b"),
    handles=("sleep 1", "raise OwnError", "set b"),
    asked=("set a", "sleep 1", "raise ValueError"),
    caller=("set a", "set b", "sleep 1", "buffer"),
    kinds=("stream",),
    hosts=("main", "thread", "asyncio", "idle", "to_thread"),
    async_hosts=("loop", "asyncio", "anyio", "loop", "loop tidy", "both bridges"),
    hows=("sync", "chunk", "async", "stream"),
    verdicts=("pass", "pass", "fail", "override"),
    on_fails=("noop", "exception", "custom", "fix"),
    scopes=("", "", "", "move_on_after 2.5", "timeout 2.5", "cancel 1.5 because"),
    buffers=("", "", "seeded", "deque", "list"),
    tracing=("sdk", "off", "sdk", "none"),
)
BRIDGES = Theme(
    acts=(
        "sync_to_async",
        "anyio.run",
        "sync_to_async",
        "async_to_sync",
        "asyncio.run",
        "to_thread",
    ),
    handles=("anyio.run", "asyncio.run", "async_to_sync"),
    asked=("sync_to_async", "to_thread", "anyio.run"),
    caller=("sleep 1",),
    hosts=(
        "view",
        "view of a test",
        "sync_to_async",
        "main",
        "anyio",
        "to_thread",
        "anyio.to_thread",
    ),
    async_hosts=("both bridges", "anyio", "async_to_sync", "asyncio"),
    hows=("async", "async", "sync", "delegate"),
    on_fails=("custom", "noop"),
)
NUMBERS = Theme(
    acts=("precision 5", "nest", "set a"),
    handles=("precision 5",),
    asked=("precision 5",),
    caller=("precision 9",),
    on_fails=("custom", "noop"),
)
SUBCLASSES = Theme(
    acts=("raise OwnError", "sleep 1", "nest"),
    handles=("raise OwnError",),
    asked=("raise ValueError", "set a"),
    caller=("set a",),
    verdicts=("fail once", "pass", "fail", "override", "none"),
    subs=("falls back", "first of two", "retries"),
    tracing=("sdk",),
)
HISTORY = Theme(
    acts=("raise OwnError", "set b", "sleep 1"),
    handles=("raise OwnError", "set b"),
    asked=("raise ValueError", "set b"),
    caller=("set b",),
    on_fails=("exception", "custom", "reask", "fix_reask"),
    verdicts=("fail", "pass", "fail once", "none"),
    calls=3,
    tries=(1, 2),
)
THEMES = {
    "variables": VARIABLES,
    "cancellation": CANCELLATION,
    "siblings": SIBLINGS,
    "streams": STREAMS,
    "bridges": BRIDGES,
    "numbers": NUMBERS,
    "subclasses": SUBCLASSES,
    "history": HISTORY,
}


def checks(theme: Theme) -> st.SearchStrategy[Check]:
    """A validator."""
    return st.builds(
        Check,
        how=one_of(*theme.hows),
        verdict=one_of(*theme.verdicts),
        on_fail=one_of(*theme.on_fails),
        does=acts(theme.acts),
        handles=acts(theme.handles),
        buffer=one_of(*theme.buffers),
    )


def llms(theme: Theme) -> st.SearchStrategy[Llm]:
    """An LLM."""
    return st.builds(
        Llm,
        does=acts(theme.asked),
        chunks=st.integers(2, 4),
        form=one_of("generator", *FORMS),
        each=acts(theme.asked),
        ends=acts(theme.asked, most=1),
        fails=one_of(0, 0, 0, 0, 1, 2),
    )


def readings(theme: Theme) -> st.SearchStrategy[Acts]:
    """What a caller does with a stream: he reads some of it, ends it somehow, and looks around."""
    steps = ("next", "next", "next in context", "next in thread", *theme.caller)
    ends = one_of((), ("rest",), ("close",), ("drop",), ("keep",), ("throw",))
    after = acts(("llm", *theme.caller))
    return st.builds(lambda *parts: sum(parts, ()), acts(steps, 1, 3), ends, after)


def calls(theme: Theme, scopes: Acts) -> st.SearchStrategy[Call]:
    """A call."""
    return st.builds(
        Call,
        kind=one_of(*theme.kinds),
        before=acts(theme.caller),
        scope=one_of(*scopes),
        reads=st.one_of(st.just(("rest",)), readings(theme)),
        after=acts(theme.caller, most=1),
        tries=one_of(*theme.tries),
        reasks=one_of(0, 0, 1),
    )


INNER = st.builds(
    Check,
    how=one_of("sync", "async"),
    verdict=one_of("pass", "fail"),
    on_fail=one_of("noop", "exception"),
    does=acts(("get a", "set a", "sleep 1"), most=1),
)


@st.composite
def programs(draw: Any, theme: Theme) -> Program:
    """A program of a theme."""
    guard = draw(one_of(*theme.guards))
    asynchronous = guard == "AsyncGuard"
    each = calls(theme, theme.scopes if asynchronous else ("",))
    program = Program(
        guard=guard,
        sub=draw(one_of(*theme.subs)),
        host=draw(one_of(*(theme.async_hosts if asynchronous else theme.hosts))),
        checks=draw(several(checks(theme), *theme.checks)),
        inner=(draw(INNER),),
        llm=draw(llms(theme)),
        calls=draw(several(each, 1, theme.calls)),
        at_once=draw(st.booleans()),
        tracing=draw(one_of(*theme.tracing)),
        schema=draw(one_of("string", "string", "string", "model")),
    )
    # Published, streams share a validator's buffer: who comes first differs from time to time.
    shares = any(check.buffer for check in program.checks)
    streams = sum(call.kind == "stream" for call in program.calls)
    return settled(replace(program, at_once=program.at_once and not (shares and streams > 1)))
