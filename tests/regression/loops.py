"""Where an event loop is when a Guard is called."""

import asyncio
import contextvars
import os
import threading
from collections.abc import Awaitable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any, Callable
from unittest import mock

from guardrails import validator_service
from guardrails.telemetry import legacy_validator_tracing

from .waiting import PATIENCE, joined

Sync = Callable[[], Any]
Async = Callable[[], Awaitable[Any]]


def run_guard(loop: str, call: Sync) -> Any:
    """Makes a Guard's call with the event loop where `loop` says."""
    return _alone(_GUARD[loop], call)


def run_async_guard(loop: str, call: Async) -> Any:
    """Makes an AsyncGuard's call on the event loop that `loop` names."""
    return _alone(_ASYNC_GUARD[loop], call)


def _alone(run: Callable[[Any], Any], call: Any) -> Any:
    """Nothing that a call leaves in its context or as its policy reaches the next one."""
    with _fresh_policy():
        return contextvars.copy_context().run(run, call)


@contextmanager
def _fresh_policy() -> Iterator[None]:
    """A policy that has made no loop yet; loops that a call leaves behind are closed."""
    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
    try:
        yield
    finally:
        close_current_loop()
        asyncio.set_event_loop_policy(before)


def close_current_loop() -> None:
    """Closes the loop that is set in this thread: guardrails leaves its own open."""
    local = getattr(asyncio.get_event_loop_policy(), "_local", None)
    loop = getattr(local, "_loop", None)
    if loop is not None and not loop.is_closed():
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@contextmanager
def uvloop_installed(module: Any) -> Iterator[None]:
    """guardrails as it is where this is the uvloop that is installed; None is none."""
    found = getattr(validator_service, "uvloop", None)
    validator_service.uvloop = module
    try:
        yield
    finally:
        validator_service.uvloop = found


def without_uvloop() -> AbstractContextManager[None]:
    """guardrails as it is where uvloop is not installed: it takes whichever loop there is."""
    return uvloop_installed(None)


def _absent(call: Sync) -> Any:
    with without_uvloop():
        return call()


def _idle(call: Sync) -> Any:
    asyncio.set_event_loop(asyncio.new_event_loop())
    with without_uvloop():
        return call()


def _run_sync(call: Sync) -> Any:
    with _asked_to_run_sync():
        return _idle(call)


@contextmanager
def _asked_to_run_sync() -> Iterator[None]:
    os.environ["GUARDRAILS_RUN_SYNC"] = "true"
    try:
        yield
    finally:
        del os.environ["GUARDRAILS_RUN_SYNC"]


def _running(call: Sync) -> Any:
    async def main() -> Any:
        return call()

    with without_uvloop():
        return asyncio.run(main())


def _thread(call: Sync) -> Any:
    def main() -> Any:
        try:
            return call()
        finally:
            close_current_loop()

    with without_uvloop():
        return in_thread(main)


def _uvloop(call: Sync) -> Any:
    import uvloop

    # guardrails replaces the policy, and so loses this loop; it is ours to close.
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.set_event_loop(loop)
    with closing(loop):
        return call()


def _async_running(call: Async) -> Any:
    return asyncio.run(_awaited(call))


def _async_thread(call: Async) -> Any:
    return in_thread(lambda: asyncio.run(_awaited(call)))


def _async_run_sync(call: Async) -> Any:
    with _asked_to_run_sync():
        return asyncio.run(_awaited(call))


def _async_uvloop(call: Async) -> Any:
    import uvloop

    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(_awaited(call))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _awaited(call: Async) -> Any:
    return await asyncio.wait_for(call(), PATIENCE)


def in_thread(call: Sync) -> Any:
    """Calls in a new thread and waits for its result, within bounds."""
    result: dict[str, Any] = {}

    def main() -> None:
        try:
            result["value"] = call()
        except BaseException as error:
            result["error"] = error

    joined(threading.Thread(target=main, daemon=True))
    if "error" in result:
        raise result["error"]
    return result["value"]


def in_threads(calls: Iterable[Any]) -> None:
    """Makes the calls at the same time, each in a thread with a context of its own."""

    def main(call: Sync) -> None:
        try:
            call()
        finally:
            close_current_loop()

    # guardrails logs every call over one SQLite connection for all threads, which Python 3.13
    # refuses: a fault of another kind.
    with without_uvloop(), mock.patch(f"{legacy_validator_tracing.__name__}.TraceHandler"):
        joined(
            *(
                threading.Thread(
                    target=contextvars.copy_context().run, args=(main, call), daemon=True
                )
                for call in calls
            )
        )


_GUARD: dict[str, Callable[[Sync], Any]] = {
    "absent": _absent,
    "idle": _idle,
    "running": _running,
    "thread": _thread,
    "run-sync": _run_sync,
    "uvloop": _uvloop,
}
_ASYNC_GUARD: dict[str, Callable[[Async], Any]] = {
    "running": _async_running,
    "thread": _async_thread,
    "run-sync": _async_run_sync,
    "uvloop": _async_uvloop,
}
