"""D14 and D15: event loops, the files and threads that they hold, and whose they are."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import uvloop
from regression.loops import in_thread, run_guard, uvloop_installed, without_uvloop
from regression.scenarios import METHODS
from regression.serving import Served
from regression.validators import validator

from scoreboard.cells import Faults, probes
from scoreboard.situations import guard_of

THREADS = 12
CALLS = 10
# Descriptors that have nothing to do with loops come and go.
SLACK = 3


@probes("D14", f"{THREADS} short threads", METHODS)
def short_threads(method: str) -> Faults:
    """A loop that a call made does not outlive it."""
    with without_uvloop(), _nothing_collected():
        return _grown(lambda: in_thread(lambda: _call(method)), THREADS)


@probes("D15", f"{CALLS} calls with uvloop", METHODS)
def flat(method: str) -> Faults:
    """Open files and threads stay as they are, however many calls there are."""
    with _nothing_collected():
        return list(run_guard("uvloop", lambda: _grown(lambda: _call(method), CALLS)))


@probes("D15", "what the user set", ("the loop", "the policy"))
def kept(what: str) -> Faults:
    """A loop or a policy that the user set stays set."""
    return list(run_guard("idle", lambda: _replaced(what)))


def _replaced(what: str) -> Faults:
    def look() -> object:
        return asyncio.get_event_loop() if what == "the loop" else asyncio.get_event_loop_policy()

    with closing(uvloop.new_event_loop()) as loop, uvloop_installed(uvloop):
        asyncio.set_event_loop(loop)
        before = look()
        _call("validate")
        return [] if look() is before else [f"{what} was replaced"]


def _call(method: str) -> None:
    """A Guard's call with two validators, which run in an executor's threads."""
    served = Served()
    checks = [validator("validate", role).part(served.act, role) for role in ("first", "second")]
    guard = guard_of("Guard", *checks)
    if method == "__call__":
        guard(lambda **_: "an answer", messages=[{"role": "user", "content": "a question"}])
    else:
        getattr(guard, method)("an answer")


def _grown(call: Callable[[], None], times: int) -> Faults:
    """What there is more of after many calls than after one."""
    call()
    before = _held()
    for _ in range(times):
        call()
    pairs = zip(("open files", "threads"), before, _held(), strict=True)
    return [f"{what}: {was} to {now}" for what, was, now in pairs if now > was + SLACK]


def _held() -> tuple[int, int]:
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """What nobody closes stays open, until the garbage collector happens to come by."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()
