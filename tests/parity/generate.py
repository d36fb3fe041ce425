"""Programs, as Hypothesis makes them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.parity.program import Acts, Call, Check, Llm, Program

ANYWHERE = (
    "set a",
    "get a",
    "reset a",
    "set b",
    "sleep 1",
    "sleep 3",
    "signal f",
    "wait f",
    "cancel",
    "raise OwnError",
    "raise ValueError",
    "precision 5",
    "library",
)
# What ends more than a call.
FATAL = ("raise CancelledError", "raise KeyboardInterrupt", "raise SystemExit", "raise StopIteration")
BRIDGES = ("anyio.run", "asyncio.run", "async_to_sync", "nest")
ASYNC_BRIDGES = ("sync_to_async", "to_thread", "anyio.to_thread", "nest")
CALLER = ("set a", "get a", "set b", "get b", "sleep 2", "signal f", "signal g", "precision", "current")
LIMITS = ("2.5", "0.5", "4.5")


def acts(*choices: str, most: int = 2) -> st.SearchStrategy[Acts]:
    """A few acts."""
    return st.lists(st.sampled_from(choices), max_size=most).map(tuple)


def one_of(*choices: Any) -> st.SearchStrategy[Any]:
    """One of them; the first is the simplest."""
    return st.sampled_from(choices)


ON_FAILS = ("noop", "exception", "fix", "custom", "reask", "filter", "refrain", "fix_reask")

CHECKS = st.builds(
    Check,
    how=one_of("sync", "async", "delegate", "validate", "chunk", "stream"),
    verdict=one_of("pass", "fail", "pass", "fail once", "override", "none"),
    on_fail=one_of(*ON_FAILS),
    does=acts(*ANYWHERE * 4, *FATAL, *BRIDGES * 2, *ASYNC_BRIDGES * 2),
    handles=acts("set a", "get a", "reset a", "raise OwnError", "sleep 1", "signal f", "cancel"),
    buffer=one_of("", "", "", "deque", "seeded", "list"),
)
INNER = st.builds(
    Check,
    how=one_of("sync", "async"),
    verdict=one_of("pass", "fail"),
    on_fail=one_of("noop", "exception"),
    does=acts("get a", "set a", "sleep 1", most=1),
)
LLMS = st.builds(
    Llm,
    does=acts("set a", "get a", "set b", "sleep 1", "raise ValueError", "cancel", "library"),
    chunks=st.integers(1, 4),
    form=one_of("generator", "iterator", "closing", "closing asynchronously"),
    each=acts("set a", "get a", "reset a", "sleep 1", "get b", "cancel"),
    ends=acts("get a", "set b", "reset a", "sleep 1", "raise OwnError"),
    fails=one_of(0, 0, 0, 1, 2),
)
SCOPES = st.one_of(
    st.just(""),
    st.builds("{} {}".format, one_of("move_on_after", "fail_after", "timeout", "wait_for"), one_of(*LIMITS)),
    one_of("cancel 1.5", "cancel 1.5 because", "cancel 0.5 because"),
)
READ = ("next", "next", "next in context", "next in thread", "llm", "rest", "close", "drop", "keep", "throw")
READS = st.one_of(st.just(("rest",)), acts(*READ, "set a", "get a", "get b", "sleep 1", "current", "buffer", most=5))


def calls(kinds: st.SearchStrategy[str], scopes: st.SearchStrategy[str]) -> st.SearchStrategy[Call]:
    """A call."""
    return st.builds(
        Call,
        kind=kinds,
        before=acts(*CALLER),
        scope=scopes,
        reads=READS,
        after=acts(*CALLER),
        tries=one_of(1, 1, 2),
        reasks=one_of(0, 0, 1),
    )


SYNC_HOSTS = ("main", "idle", "thread", "asyncio", "anyio", "to_thread", "sync_to_async", "view", "anyio.to_thread", "view of a test")
ASYNC_HOSTS = ("asyncio", "anyio", "loop", "loop tidy", "thread", "async_to_sync", "both bridges")


@st.composite
def programs(draw: Any) -> Program:
    """A program."""
    guard = draw(one_of("Guard", "AsyncGuard"))
    asynchronous = guard == "AsyncGuard"
    kinds = one_of("validate", "stream", "ask", "parse")
    each = calls(kinds, SCOPES if asynchronous else st.just(""))
    return Program(
        guard=guard,
        sub=draw(one_of("", "", "", "falls back", "first of two", "retries")),
        host=draw(one_of(*(ASYNC_HOSTS if asynchronous else SYNC_HOSTS))),
        checks=tuple(draw(st.lists(CHECKS, min_size=1, max_size=3))),
        inner=(draw(INNER),),
        llm=draw(LLMS),
        calls=tuple(draw(st.lists(each, min_size=1, max_size=3))),
        at_once=draw(st.booleans()),
        tracing=draw(one_of("off", "sdk", "none")),
    )
