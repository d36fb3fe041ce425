"""An LLM that streams, and consumers that read what a Guard makes of it."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Callable

from .loops import in_thread, run_async_guard, run_guard
from .playing import KWARGS, MESSAGES, make_guard
from .stage import Stage, own_span
from .streams import TIED, UNREAD, Reading
from .validators import FAULT, Acted, validator
from .waiting import PATIENCE

END = object()


@dataclass
class Source:
    """An LLM that streams its answer.

    Attributes:
        stage: The stage that it acts on.
        chunks: What it streams.
        fails: Whether it hangs up after the first chunk.
        asked: How many chunks it was asked for.
    """

    stage: Stage
    chunks: tuple[str, ...]
    fails: bool = False
    asked: int = 0

    def llm(self, *, messages: Any = None, **kwargs: Any) -> Iterator[str]:
        """The LLM's client, called by a Guard."""
        with self.stage.act("llm"):
            return self._read()

    async def async_llm(self, *, messages: Any = None, **kwargs: Any) -> SimpleNamespace:
        """The LLM's client, called by an AsyncGuard, which looks for the stream there."""
        with self.stage.act("llm"):
            return SimpleNamespace(completion_stream=self._async_read())

    def _read(self) -> Iterator[str]:
        try:
            for chunk in self.chunks:
                with self.stage.act("stream"):
                    self._ask()
                yield chunk
        finally:
            self._closed()

    async def _async_read(self) -> AsyncIterator[str]:
        try:
            for chunk in self.chunks:
                with self.stage.act("stream"):
                    await asyncio.sleep(0)
                    self._ask()
                yield chunk
        finally:
            await asyncio.sleep(0)
            self._closed()

    def _ask(self) -> None:
        self.asked += 1
        if self.fails and self.asked > 1:
            raise ConnectionError("the LLM hung up")

    def _closed(self) -> None:
        self.stage.sights.append(("closed", self.stage.look()))


@dataclass
class Consumer:
    """Reads a stream; its own spans are its own, whatever the stream does.

    Attributes:
        stage: The stage that it reads on.
        source: The LLM.
        held: The stream, held by nothing else, so that it can be dropped.
        reached: How many chunks the LLM had been asked for at each outcome.
        faults: What it saw of itself that was not as before.
    """

    stage: Stage
    source: Source
    held: list[Any] = field(default_factory=list)
    reached: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Whoever asks for a chunk has the same surroundings afterwards."""
        before = self.stage.look()
        try:
            yield
        finally:
            after = self.stage.look()
            if after != before:
                self.faults.append(f"who asked for a chunk saw {after}, before it {before}")

    def next(self) -> Any:
        """Asks for the next outcome."""
        with self.undisturbed():
            return next(self.held[0], END)

    async def anext(self) -> Any:
        """Asks for the next outcome of an asynchronous stream."""
        with self.undisturbed():
            try:
                return await self.held[0].__anext__()
            except StopAsyncIteration:
                return END

    def close(self) -> None:
        """Leaves the stream."""
        with self.undisturbed():
            self.held.pop().close()

    async def aclose(self) -> None:
        """Leaves an asynchronous stream."""
        with self.undisturbed():
            await self.held.pop().aclose()

    def drop(self) -> None:
        """Forgets the stream."""
        with self.undisturbed():
            self.held.clear()
            gc.collect()

    def tie(self) -> None:
        """Has the stream held by what only the garbage collector frees."""
        knot = [self.held[0]]
        knot.append(knot)

    async def adrop(self) -> None:
        """Forgets an asynchronous stream, which the event loop then closes."""
        self.drop()

    def between(self) -> None:
        """Does something with an outcome, under a span of the consumer's."""
        with self.stage.tracing.span(own_span("between")):
            pass

    def note(self, outcome: Any) -> bool:
        """Takes an outcome; says whether it was one."""
        if outcome is END:
            return False
        self.reached.append(self.source.asked)
        self.between()
        return True


async def closed_by_the_loop(before: set[Any]) -> None:
    """Waits for the tasks in which the loop closes what was collected.

    A stream that is closed lets go of the one that it reads, which is closed then.
    """
    quiet = 0
    # From what is collected to its task it is two turns of the loop.
    while quiet < 3:
        gc.collect()
        await asyncio.sleep(0)
        if closing := asyncio.all_tasks() - before:
            await asyncio.wait_for(asyncio.gather(*closing), PATIENCE)
            quiet = 0
        else:
            quiet += 1


# Where the next chunk is asked for.
HERE: dict[str, Callable[[Callable[[], Any]], Any]] = {
    "here": lambda call: call(),
    "elsewhere": in_thread,
    "another context": lambda call: Context().run(call),
}


async def _in_another_context(call: Callable[[], Any]) -> Any:
    return await Context().run(asyncio.ensure_future, call())


async def _in_another_task(call: Callable[[], Any]) -> Any:
    return await asyncio.ensure_future(call())


async def _here(call: Callable[[], Any]) -> Any:
    return await call()


ASYNC_HERE: dict[str, Callable[[Callable[[], Any]], Any]] = {
    "here": _here,
    "elsewhere": _in_another_task,
    "another context": _in_another_context,
}


def perform(reading: Reading, stage: Stage) -> list[str]:
    """Makes the call and reads its stream; returns what the consumer found wrong."""
    source = Source(stage, reading.text.chunks, fails=reading.ending == "the LLM fails")
    consumer = Consumer(stage, source)
    guard = make_guard(reading.guard, _checks(reading, stage))
    with complaints() as heard:
        if reading.guard == "AsyncGuard":
            run_async_guard("running", lambda: _async_perform(reading, consumer, guard))
        else:
            run_guard("absent", lambda: _perform(reading, consumer, guard))
        # What an exception still holds is let go of.
        gc.collect()
    return [*consumer.faults, *_reach_faults(reading, consumer), *heard]


def _checks(reading: Reading, stage: Stage) -> list[Acted]:
    on_fail: Any = "exception" if reading.ending == "a validator fails" else stage.on_fail
    made = {role: validator(reading.kind, role, on_fail) for role in reading.roles}
    return [
        check.part(stage.act, role, fails=role == "first", only=FAULT)
        for role, check in made.items()
    ]


def _perform(reading: Reading, consumer: Consumer, guard: Any) -> None:
    stage, source = consumer.stage, consumer.source
    with stage.caller():
        consumer.held.append(guard(source.llm, messages=MESSAGES, stream=True, **KWARGS))
        with stage.tracing.span(own_span("consumer")):
            try:
                _read(reading, consumer)
            except Exception as error:
                _expect(reading, error)


def _read(reading: Reading, consumer: Consumer) -> None:
    if reading.place == "at once":
        list(consumer.held[0])
        return
    at = HERE[reading.place]
    for _ in range(reading.limit):
        if not consumer.note(at(consumer.next)):
            return
    if reading.ending in UNREAD:
        consumer.between()
    if reading.ending == TIED:
        consumer.tie()
    at(consumer.close if reading.ending.startswith("closed") else consumer.drop)


async def _async_perform(reading: Reading, consumer: Consumer, guard: Any) -> None:
    stage, source = consumer.stage, consumer.source
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: consumer.faults.append(f"the event loop: {context}")
    )
    with stage.caller():
        stream = await guard(source.async_llm, messages=MESSAGES, stream=True, **KWARGS)
        consumer.held.append(stream)
        del stream
        with stage.tracing.span(own_span("consumer")):
            before = asyncio.all_tasks()
            try:
                await _async_read(reading, consumer)
            except Exception as error:
                _expect(reading, error)
            await closed_by_the_loop(before)


async def _async_read(reading: Reading, consumer: Consumer) -> None:
    if reading.place == "at once":
        async for _ in consumer.held[0]:
            pass
        return
    at = ASYNC_HERE[reading.place]
    for _ in range(reading.limit):
        if not consumer.note(await at(consumer.anext)):
            return
    if reading.ending in UNREAD:
        consumer.between()
    await at(consumer.aclose if reading.ending.startswith("closed") else consumer.adrop)


def _expect(reading: Reading, error: Exception) -> None:
    """Lets pass what the scenario says, and nothing else."""
    expected = {"the LLM fails": "the LLM hung up", "a validator fails": "found fault"}
    if expected.get(reading.ending, "nothing") not in str(error):
        raise error


def _reach_faults(reading: Reading, consumer: Consumer) -> list[str]:
    """Outcomes that did not reach the consumer when they could."""
    if reading.place == "at once" or tuple(consumer.reached) == reading.outcomes:
        return []
    return [f"outcomes came after {consumer.reached} chunks, expected {reading.outcomes}"]


@contextmanager
def complaints() -> Iterator[list[str]]:
    """What OpenTelemetry and MLflow log of contexts and spans that do not fit together."""
    heard: list[str] = []
    handler = _Listener(heard)
    loggers = [logging.getLogger(name) for name in ("opentelemetry", "mlflow.tracing")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield heard
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


class _Listener(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.append(f"{record.name} logged: {record.getMessage()}")
