"""Callers: each makes one call of a shared Guard, and looks at what it has afterwards."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from typing import Any

import anyio

from tests.parity.acts import VERBS, Actor, metadata
from tests.parity.cast import Answering, text
from tests.parity.clock import CLOCK
from tests.parity.program import Call
from tests.parity.stage import REQUEST, Request, Stage

END = "the end"


def _messages(actor: Actor) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"question {actor.call}"}]


def invoke(guard: Any, call: Call, actor: Actor, llm: Any) -> Any:
    """Calls the Guard; what it returns is for the caller to read or to await."""
    told = {"metadata": metadata(actor)}
    if call.kind == "validate":
        return guard.validate(text(actor.stage, f"text {actor.call}"), **told)
    if call.kind == "parse":
        asked = {"llm_api": llm, "messages": _messages(actor)} if call.reasks else {}
        output = text(actor.stage, f"text {actor.call}")
        return guard.parse(output, num_reasks=call.reasks, **asked, **told)
    stream = {"stream": True} if call.kind == "stream" else {}
    return guard(llm, messages=_messages(actor), num_reasks=call.reasks, **stream, **told)


def note_outcome(actor: Actor, outcome: Any) -> None:
    """Logs what a Guard returned."""
    actor.note(
        f"got passed={outcome.validation_passed} output={outcome.validated_output!r} "
        f"raw={outcome.raw_llm_output!r} error={outcome.error!r} reask={outcome.reask is not None}"
    )
    actor.look()


def _actor(stage: Stage, number: int) -> Actor:
    return Actor(stage, f"{number}/caller", number)


def _span(stage: Stage) -> Any:
    if stage.program.tracing != "sdk":
        return nullcontext()
    from opentelemetry import trace

    return trace.get_tracer("parity").start_as_current_span("request")


def _begin(stage: Stage, actor: Actor) -> None:
    REQUEST.set(stage.watch(f"{actor.call}/request", Request()))


# --- in a thread ---------------------------------------------------------------------------


def request(stage: Stage, guard: Any, number: int) -> None:
    """Makes a call of a Guard."""
    actor, call = _actor(stage, number), stage.program.calls[number]
    _begin(stage, actor)
    with stage.caller(), _span(stage):
        try:
            actor.act(call.before)
            _try(guard, call, actor, Answering(stage, number).callable())
        except BaseException as error:
            stage.note_error(actor.name, "met", error)
        actor.look()
        actor.act(call.after)


def _try(guard: Any, call: Call, actor: Actor, llm: Any) -> None:
    for attempt in range(1, call.tries + 1):
        try:
            _call(guard, call, actor, llm)
        except Exception as error:
            if attempt == call.tries:
                raise
            actor.stage.note_error(actor.name, "tries again after", error)
        else:
            return


def _call(guard: Any, call: Call, actor: Actor, llm: Any) -> None:
    if call.kind == "stream":
        _Reader(actor, invoke(guard, call, actor, llm)).read(call.reads)
    else:
        note_outcome(actor, invoke(guard, call, actor, llm))


class _Reader:
    """Reads a stream in a thread."""

    def __init__(self, actor: Actor, stream: Any) -> None:
        self.actor, self.stream = actor, stream

    def read(self, steps: tuple[str, ...]) -> None:
        """Does with the stream what the steps say."""
        for step in steps:
            if step.partition(" ")[0] in VERBS:
                self.actor.act((step,))
            elif step == "rest":
                while self._next() is not END:
                    pass
            else:
                _READS[step](self)

    def _next(self) -> Any:
        return self._noted(next(self.stream, END))

    def _noted(self, chunk: Any) -> Any:
        if chunk is END:
            self.actor.note("reached the end")
        else:
            note_outcome(self.actor, chunk)
        return chunk

    def next_in_thread(self) -> None:
        """Reads a chunk in a thread of its own."""
        in_thread(self.actor.stage, self._next_marked)

    def _next_marked(self) -> None:
        with self.actor.stage.caller():
            self._next()

    def close(self) -> None:
        """Closes the stream."""
        self.stream.close()
        self.actor.note("closed the stream")

    def drop(self) -> None:
        """Lets go of the stream."""
        self.stream = iter(())
        gc.collect()
        self.actor.note("let go of the stream")

    def throw(self) -> None:
        """Throws into the stream."""
        try:
            self.stream.throw(OSError("the client hung up"))
        except Exception as error:
            self.actor.stage.note_error(self.actor.name, "threw and met", error)

    def keep(self) -> None:
        """Keeps the stream to the end of the program."""
        self.actor.stage.kept.append(self.stream)

    def read_on(self) -> None:
        """Reads a chunk of the LLM's own stream."""
        given = self.actor.stage.given.get(self.actor.call)
        if given is not None:
            self.actor.note(f"reads of the LLM's own stream: {next(given, END)!r}")


_READS: dict[str, Callable[[_Reader], Any]] = {
    "next": _Reader._next,
    "next in context": lambda reader: copy_context().run(reader._next),
    "next in thread": _Reader.next_in_thread,
    "close": _Reader.close,
    "drop": _Reader.drop,
    "throw": _Reader.throw,
    "keep": _Reader.keep,
    "llm": _Reader.read_on,
}


def in_thread(stage: Stage, work: Callable[[], None]) -> None:
    """Has a thread do something, and waits for it; raises what it raised."""
    errors: list[BaseException] = []
    _run_all([threading.Thread(target=_counted, args=(work, errors))])
    if errors:
        raise errors.pop()


def in_threads(works: Sequence[Callable[[], None]]) -> None:
    """Has threads do something at once, and waits for all."""
    errors: list[BaseException] = []
    _run_all([threading.Thread(target=_counted, args=(work, errors)) for work in works])


def _run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        CLOCK.started()
        thread.start()
    with CLOCK.blocked():
        for thread in threads:
            thread.join()


def _counted(work: Callable[[], None], errors: list[BaseException]) -> None:
    try:
        work()
    except BaseException as error:
        errors.append(error)
    finally:
        CLOCK.finished()


# --- on an event loop ----------------------------------------------------------------------


async def async_request(stage: Stage, guard: Any, number: int) -> None:
    """Makes a call of an AsyncGuard."""
    actor, call = _actor(stage, number), stage.program.calls[number]
    _begin(stage, actor)
    with _span(stage):
        try:
            await actor.act_async(call.before)
            await _within(call, actor, guard)
        except BaseException as error:
            stage.note_error(actor.name, "met", error)
        actor.look()
        await actor.act_async(call.after)


async def _within(call: Call, actor: Actor, guard: Any) -> None:
    """Tries within the call's scope."""
    llm = Answering(actor.stage, actor.call).async_callable()
    kind, _, limit = call.scope.partition(" ")
    await _SCOPES[kind](actor, limit, lambda: _try_async(guard, call, actor, llm))


async def _plainly(actor: Actor, limit: str, work: Callable[[], Any]) -> None:
    task = asyncio.current_task()
    actor.stage.cancels[actor.call] = _on_this_loop(lambda: task and task.cancel("the application"))
    await work()


def _on_this_loop(cancel: Callable[[], Any]) -> Callable[[], None]:
    loop = asyncio.get_running_loop()
    return lambda: None if loop.is_closed() else _called_on(loop, cancel)


def _called_on(loop: Any, cancel: Callable[[], Any]) -> None:
    loop.call_soon_threadsafe(cancel)


async def _move_on_after(actor: Actor, limit: str, work: Callable[[], Any]) -> None:
    with anyio.move_on_after(float(limit)) as scope:
        actor.stage.cancels[actor.call] = _on_this_loop(scope.cancel)
        await work()
    actor.note(f"left its scope: cancelled {scope.cancelled_caught}")


async def _fail_after(actor: Actor, limit: str, work: Callable[[], Any]) -> None:
    with anyio.fail_after(float(limit)) as scope:
        actor.stage.cancels[actor.call] = _on_this_loop(scope.cancel)
        await work()


async def _timeout(actor: Actor, limit: str, work: Callable[[], Any]) -> None:
    async with asyncio.timeout(float(limit)):
        await work()


async def _wait_for(actor: Actor, limit: str, work: Callable[[], Any]) -> None:
    await asyncio.wait_for(work(), float(limit))


async def _cancel(actor: Actor, limit: str, work: Callable[[], Any]) -> None:
    task: Any = asyncio.current_task()
    seconds, _, message = limit.partition(" ")
    why = (message,) if message else ()
    cancelling = asyncio.get_running_loop().call_later(float(seconds), task.cancel, *why)
    try:
        await work()
    finally:
        cancelling.cancel()


_SCOPES: dict[str, Callable[[Actor, str, Callable[[], Any]], Any]] = {
    "": _plainly,
    "move_on_after": _move_on_after,
    "fail_after": _fail_after,
    "timeout": _timeout,
    "wait_for": _wait_for,
    "cancel": _cancel,
}


async def _try_async(guard: Any, call: Call, actor: Actor, llm: Any) -> None:
    for attempt in range(1, call.tries + 1):
        try:
            await _call_async(guard, call, actor, llm)
        except Exception as error:
            if attempt == call.tries:
                raise
            actor.stage.note_error(actor.name, "tries again after", error)
        else:
            return


async def _call_async(guard: Any, call: Call, actor: Actor, llm: Any) -> None:
    if call.kind == "stream":
        await _AsyncReader(actor, await invoke(guard, call, actor, llm)).read(call.reads)
    else:
        note_outcome(actor, await invoke(guard, call, actor, llm))


class _AsyncReader:
    """Reads a stream on an event loop."""

    def __init__(self, actor: Actor, stream: Any) -> None:
        self.actor, self.stream = actor, stream

    async def read(self, steps: tuple[str, ...]) -> None:
        """Does with the stream what the steps say."""
        for step in steps:
            if step.partition(" ")[0] in VERBS:
                await self.actor.act_async((step,))
            elif step == "rest":
                while await self._next() is not END:
                    pass
            else:
                await _ASYNC_READS[step](self)

    async def _next(self) -> Any:
        chunk = await anext(self.stream, END)
        if chunk is END:
            self.actor.note("reached the end")
        else:
            note_outcome(self.actor, chunk)
        return chunk

    async def next_in_task(self) -> None:
        """Reads a chunk in a task of its own."""
        await asyncio.create_task(self._next())

    async def close(self) -> None:
        """Closes the stream."""
        await self.stream.aclose()
        self.actor.note("closed the stream")

    async def drop(self) -> None:
        """Lets go of the stream."""
        self.stream = _nothing()
        gc.collect()
        await asyncio.sleep(0.01)
        self.actor.note("let go of the stream")

    async def throw(self) -> None:
        """Throws into the stream."""
        try:
            await self.stream.athrow(OSError("the client hung up"))
        except Exception as error:
            self.actor.stage.note_error(self.actor.name, "threw and met", error)

    async def keep(self) -> None:
        """Keeps the stream to the end of the program."""
        self.actor.stage.kept.append(self.stream)

    async def read_on(self) -> None:
        """Reads a chunk of the LLM's own stream."""
        given = self.actor.stage.given.get(self.actor.call)
        if given is not None:
            self.actor.note(f"reads of the LLM's own stream: {await anext(given, END)!r}")


async def _nothing() -> Any:
    if False:
        yield None


_ASYNC_READS: dict[str, Callable[[_AsyncReader], Any]] = {
    "next": _AsyncReader._next,
    "next in context": _AsyncReader.next_in_task,
    "next in thread": _AsyncReader.next_in_task,
    "close": _AsyncReader.close,
    "drop": _AsyncReader.drop,
    "throw": _AsyncReader.throw,
    "keep": _AsyncReader.keep,
    "llm": _AsyncReader.read_on,
}
READS = (*_READS, "rest")


@contextmanager
def loop_of_ones_own(*, tidy: bool) -> Iterator[Any]:
    """Makes a loop, and closes it, with or without its asynchronous generators."""
    loop = asyncio.new_event_loop()
    try:
        yield loop
    finally:
        if tidy:
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
