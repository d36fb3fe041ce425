"""What validators, handlers, LLMs and callers can do: `set a`, `sleep 2`, `raise ValueError`."""

from __future__ import annotations

import asyncio
import decimal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
import sniffio
from asgiref.sync import async_to_sync, sync_to_async

from tests.parity.clock import CLOCK
from tests.parity.program import Acts
from tests.parity.stage import VARIABLES, Stage


class OwnError(Exception):
    """An exception of the application's."""


ERRORS: dict[str, BaseException] = {}


def error_named(name: str) -> BaseException:
    """Makes an exception, with arguments that must arrive as they are."""
    made: dict[str, Callable[[], BaseException]] = {
        "OwnError": lambda: OwnError("own", 7),
        "CancelledError": lambda: asyncio.CancelledError("budget spent"),
        "KeyboardInterrupt": KeyboardInterrupt,
        "SystemExit": lambda: SystemExit(3),
        "StopIteration": lambda: StopIteration("over"),
        "TimeoutError": lambda: TimeoutError("late"),
        "ConnectionError": lambda: ConnectionError("no answer"),
    }
    return made.get(name, lambda: ValueError("a value"))()


@dataclass(frozen=True)
class Actor:
    """Someone who acts.

    Attributes:
        stage: Where.
        name: What he is called in the log.
        call: For which call.
    """

    stage: Stage
    name: str
    call: int

    def note(self, what: object) -> None:
        """Logs."""
        self.stage.note(self.name, what)

    def look(self) -> None:
        """Logs what he sees of all that somebody may have set."""
        for name in self.stage.used:
            _get(self, name)
        if self.stage.counts:
            _precision(self, "")
        if self.stage.program.tracing == "sdk" and self.name.endswith("caller"):
            _current(self, "")

    def act(self, acts: Acts) -> None:
        """Does all of it, one after another, in a thread."""
        for act in acts:
            verb, _, what = act.partition(" ")
            if verb in _BLOCKING:
                _BLOCKING[verb](self, what)
            elif verb in _EITHER:
                _EITHER[verb](self, what)

    async def act_async(self, acts: Acts) -> None:
        """Does all of it, one after another, on an event loop."""
        for act in acts:
            verb, _, what = act.partition(" ")
            if verb in _AWAITED:
                await _AWAITED[verb](self, what)
            elif verb in _EITHER:
                _EITHER[verb](self, what)


# --- anywhere ------------------------------------------------------------------------------


def _set(actor: Actor, name: str) -> None:
    token = VARIABLES[name].set(f"set by {actor.name}")
    actor.stage.tokens.setdefault((actor.call, name), []).append(token)


def _reset(actor: Actor, name: str) -> None:
    tokens = actor.stage.tokens.get((actor.call, name))
    try:
        if tokens:
            VARIABLES[name].reset(tokens.pop())
            actor.note(f"reset {name}")
    finally:
        # An exception that is kept keeps this frame, and each token keeps its Context.
        del tokens


def _get(actor: Actor, name: str) -> None:
    actor.note(f"sees {name}: {VARIABLES[name].get('unset')}")


def _raise(actor: Actor, name: str) -> None:
    actor.note(f"raises {name}")
    raise error_named(name)


def _signal(actor: Actor, sign: str) -> None:
    actor.note(f"gives {sign}")
    actor.stage.signal(sign)


def _cancel(actor: Actor, _: str) -> None:
    cancel = actor.stage.cancels.get(actor.call)
    if cancel is not None:
        actor.note("cancels")
        cancel()


def _precision(actor: Actor, digits: str) -> None:
    if digits:
        decimal.getcontext().prec = int(digits)
    actor.note(f"counts with {decimal.getcontext().prec} digits")


def _library(actor: Actor, _: str) -> None:
    try:
        actor.note(f"runs on {sniffio.current_async_library()}")
    except sniffio.AsyncLibraryNotFoundError:
        actor.note("runs on no loop")


def _current(actor: Actor, _: str) -> None:
    from opentelemetry import trace

    actor.note(f"current span: {getattr(trace.get_current_span(), 'name', 'none')}")


def _buffer(actor: Actor, _: str) -> None:
    kept = [each.accumulated_chunks for each in actor.stage.validators if each.check.buffer]
    actor.note(f"looks at what is kept: {kept}")


_EITHER: dict[str, Callable[[Actor, str], None]] = {
    "set": _set,
    "reset": _reset,
    "get": _get,
    "raise": _raise,
    "signal": _signal,
    "cancel": _cancel,
    "precision": _precision,
    "library": _library,
    "current": _current,
    "buffer": _buffer,
}


# --- in a thread ---------------------------------------------------------------------------


def _sleep(actor: Actor, seconds: str) -> None:
    CLOCK.sleep(float(seconds))
    actor.note("woke")


def _wait(actor: Actor, sign: str) -> None:
    try:
        actor.stage.wait(sign)
    except BaseException as error:
        actor.stage.note_error(actor.name, "waited and met", error)
        raise
    actor.note(f"saw {sign}")


async def _judge(actor: Actor) -> str:
    await asyncio.sleep(1)
    _library(actor, "")
    return "judged"


def _anyio_run(actor: Actor, _: str) -> None:
    actor.note(f"anyio.run: {anyio.run(_judge, actor)}")


def _asyncio_run(actor: Actor, _: str) -> None:
    judging = _judge(actor)
    try:
        actor.note(f"asyncio.run: {asyncio.run(judging)}")
    finally:
        judging.close()


def _async_to_sync(actor: Actor, _: str) -> None:
    actor.note(f"async_to_sync: {async_to_sync(_judge)(actor)}")


def _nest(actor: Actor, _: str) -> None:
    guard, _ = actor.stage.inner
    actor.note(f"nested: {guard.validate('inner', metadata=metadata(actor)).validation_passed}")


def metadata(actor: Actor) -> dict[str, Any]:
    """Returns what says to validators for which call they work."""
    return {"call": actor.call}


_BLOCKING: dict[str, Callable[[Actor, str], None]] = {
    "sleep": _sleep,
    "wait": _wait,
    "anyio.run": _anyio_run,
    "asyncio.run": _asyncio_run,
    "async_to_sync": _async_to_sync,
    "nest": _nest,
}


# --- on an event loop ----------------------------------------------------------------------


async def _sleep_async(actor: Actor, seconds: str) -> None:
    try:
        await asyncio.sleep(float(seconds))
    except BaseException as error:
        actor.stage.note_error(actor.name, "slept and met", error)
        raise
    actor.note("woke")


async def _wait_async(actor: Actor, sign: str) -> None:
    try:
        await actor.stage.await_sign(sign)
    except BaseException as error:
        actor.stage.note_error(actor.name, "waited and met", error)
        raise
    actor.note(f"saw {sign}")


async def _sync_to_async(actor: Actor, _: str) -> None:
    await sync_to_async(_note_in_thread)(actor)


async def _to_thread(actor: Actor, _: str) -> None:
    await asyncio.to_thread(_note_in_thread, actor)


async def _anyio_to_thread(actor: Actor, _: str) -> None:
    CLOCK.started()
    await anyio.to_thread.run_sync(_counted, actor)


def _counted(actor: Actor) -> None:
    _note_in_thread(actor)
    CLOCK.finished()


def _note_in_thread(actor: Actor) -> None:
    actor.note("was in a thread")


async def _nest_async(actor: Actor, _: str) -> None:
    _, guard = actor.stage.inner
    outcome = await guard.validate("inner", metadata=metadata(actor))
    actor.note(f"nested: {outcome.validation_passed}")


_AWAITED: dict[str, Callable[[Actor, str], Any]] = {
    "sleep": _sleep_async,
    "wait": _wait_async,
    "sync_to_async": _sync_to_async,
    "to_thread": _to_thread,
    "anyio.to_thread": _anyio_to_thread,
    "nest": _nest_async,
}
VERBS = {*_EITHER, *_BLOCKING, *_AWAITED}
