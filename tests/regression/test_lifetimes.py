"""What is alive of a request once its call is over, and spans that end with their stream."""

import asyncio
import gc
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator, Iterator
from contextvars import Context, ContextVar
from types import SimpleNamespace
from typing import Any, Callable

import pytest
from guardrails import AsyncGuard, Guard
from guardrails.settings import settings
from guardrails.stores.context import set_context_var
from guardrails.validator_base import FailResult, Validator, register_validator

from .backends import BACKENDS
from .loops import run_async_guard, run_guard
from .patches import Patch, repaired_by, unchanged_by
from .playing import MESSAGES, make_guard
from .stage import Stage
from .streaming import Source, complaints
from .validators import validator
from .waiting import PATIENCE

CALLS = 25
CHUNKS = ("One two. ", "Three four. ", "Five six.")


class Request:
    """What an application keeps in a ContextVar for as long as a request takes."""


REQUEST: ContextVar[Request] = ContextVar("REQUEST")


# --- kept exceptions ---------------------------------------------------------------------------


@register_validator(name="tests/refuses", data_type="all")
class Refuses(Validator):
    """A validator that finds fault with everything."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        return FailResult(error_message="no")


@register_validator(name="tests/crashes", data_type="all")
class Crashes(Validator):
    """A validator that cannot judge."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        raise ValueError("no")


@register_validator(name="tests/crashes-on-the-loop", data_type="all")
class CrashesOnTheLoop(Crashes):
    """The same on the event loop."""

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        """Cannot judge."""
        return self._validate(value, metadata)


def _crash(value: Any, result: Any) -> Any:
    raise ValueError("no")


FAILING: dict[str, Callable[[], list[Validator]]] = {
    "refuses": lambda: [Refuses(on_fail="exception")],
    "crashes": lambda: [Crashes(on_fail="noop")],
    "crashes on the loop": lambda: [CrashesOnTheLoop(on_fail="noop")],
    "one of two": lambda: [Crashes(on_fail="noop"), CrashesOnTheLoop(on_fail="noop")],
    "on_fail crashes": lambda: [Refuses(on_fail=_crash)],
}


def _alive_after(fail: Callable[[], None]) -> int:
    """How many requests are alive after they were made, each in a context of its own."""

    def handle() -> "weakref.ref[Request]":
        REQUEST.set(Request())
        with pytest.raises(Exception, match="no"):
            fail()
        return weakref.ref(REQUEST.get())

    requests = [Context().run(handle) for _ in range(CALLS)]
    gc.collect()
    return sum(request() is not None for request in requests)


@unchanged_by(Patch.GUARD)
@pytest.mark.parametrize("loop", ["idle", "thread", "run-sync", "running"])
@pytest.mark.parametrize("failing", list(FAILING))
def test_the_history_of_failed_calls_keeps_no_request(failing: str, loop: str) -> None:
    guard = Guard.for_string(FAILING[failing]())

    def validate() -> None:
        guard.validate("text")

    assert run_guard(loop, lambda: _alive_after(validate)) == 0


@unchanged_by(Patch.GUARD)
def test_the_history_of_failed_llm_calls_keeps_no_request() -> None:
    def llm(*args: Any, messages: Any = None, **kwargs: Any) -> str:
        raise ValueError("no")

    guard = Guard()
    assert run_guard("idle", lambda: _alive_after(lambda: guard(llm, messages=MESSAGES))) == 0


@unchanged_by(Patch.STREAMS)
def test_streams_that_failed_keep_no_request() -> None:
    def llm(*args: Any, messages: Any = None, **kwargs: Any) -> Iterator[str]:
        yield CHUNKS[0]
        raise ValueError("no")

    kept: list[BaseException] = []

    def read() -> None:
        try:
            list(Guard()(llm, messages=MESSAGES, stream=True))
        except ValueError as error:
            kept.append(error)
            raise

    assert run_guard("idle", lambda: _alive_after(read)) == 0
    assert len(kept) == CALLS


@unchanged_by(Patch.GUARD)
def test_the_store_keeps_nothing_of_keys_that_come_and_go() -> None:
    def handle(number: int) -> "weakref.ref[Request]":
        request = Request()
        set_context_var(f"request {number}", request)
        return weakref.ref(request)

    requests = [Context().run(handle, number) for number in range(CALLS)]
    gc.collect()
    assert [request() for request in requests] == [None] * CALLS


# --- streams that are left ---------------------------------------------------------------------


async def _start(source: Source) -> Any:
    check = validator("chunks", "first").part(source.stage.act, "first")
    guard = make_guard("AsyncGuard", [check])
    return await guard(source.async_llm, messages=MESSAGES, stream=True)


async def _left_after_a_chunk(source: Source) -> None:
    async for _ in await _start(source):
        break


async def _left_unread(source: Source) -> None:
    await _start(source)


async def _left_in_a_cycle(source: Source) -> None:
    stream = await _start(source)
    await stream.__anext__()
    knot = [stream]
    knot.append(knot)


LEAVING = {
    "after a chunk": _left_after_a_chunk,
    "unread": _left_unread,
    "in a cycle": _left_in_a_cycle,
}


def _ended(tracing: Any, leave: Callable[[Source], Any]) -> list[str]:
    """The spans that a stream ended which was left on a loop of its own."""
    source = Source(Stage(tracing), CHUNKS)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave(source))
    loop.close()
    gc.collect()
    return [span.name for span in tracing.finished()]


@unchanged_by(Patch.STREAMS)
@pytest.mark.parametrize("leave", list(LEAVING))
def test_a_stream_that_is_left_on_a_closed_loop_ends_its_spans(leave: str) -> None:
    with BACKENDS["opentelemetry"]() as tracing:
        ended = _ended(tracing, LEAVING[leave])
    assert "guard" in ended
    assert ("step" in ended) == (leave != "unread")


@repaired_by(Patch.MLFLOW_STREAMS)
@pytest.mark.parametrize("leave", ["after a chunk", "in a cycle"])
def test_a_stream_that_is_left_on_a_closed_loop_ends_its_mlflow_spans(leave: str) -> None:
    with BACKENDS["mlflow"]() as tracing, complaints() as heard:
        ended = _ended(tracing, LEAVING[leave])
        assert {tracing.guard, tracing.step} <= set(ended)
    assert heard == []


@unchanged_by(Patch.STREAMS)
def test_a_task_that_is_left_with_its_stream_ends_its_spans() -> None:
    async def read(source: Source) -> None:
        async for _ in await _start(source):
            await asyncio.Event().wait()

    async def leave(source: Source) -> None:
        reading = asyncio.ensure_future(read(source))
        while source.asked == 0:
            await asyncio.sleep(0)
        assert not reading.done()

    with BACKENDS["opentelemetry"]() as tracing:
        assert {"guard", "step"} <= set(_ended(tracing, leave))


# Between the third patch and the fifth such a stream is kept for longer.
@unchanged_by(Patch.MLFLOW_STREAMS)
def test_streams_that_are_left_keep_no_request() -> None:
    async def handle() -> "weakref.ref[Request]":
        REQUEST.set(Request())
        await _left_after_a_chunk(Source(Stage(tracing), CHUNKS))
        return weakref.ref(REQUEST.get())

    def on_a_loop_of_its_own() -> "weakref.ref[Request]":
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(handle())
        finally:
            loop.close()

    with BACKENDS["opentelemetry"]() as tracing:
        requests = [Context().run(on_a_loop_of_its_own) for _ in range(CALLS)]
        gc.collect()
        assert sum(request() is not None for request in requests) == 0


LEFT_AT_EXIT = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from guardrails import Guard
from guardrails.settings import settings

exporter = ConsoleSpanExporter(formatter=lambda span: span.name + chr(10))
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(provider)
settings.disable_tracing = None
stream = Guard()(
    lambda *args, messages=None, **kwargs: iter(["One. ", "Two. "]),
    messages=[{"role": "user", "content": "?"}],
    stream=True,
)
next(stream)
"""


@repaired_by(Patch.STREAMS)
def test_a_stream_that_is_open_at_exit_ends_its_spans() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LEFT_AT_EXIT],
        capture_output=True,
        text=True,
        timeout=PATIENCE * 5,
        check=False,
    )
    assert done.stdout.split() == ["call", "step", "guard"], done.stderr


# --- an LLM's stream that the application has, too -----------------------------------------------


@pytest.fixture
def untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No tracing: the published release reads an LLM's stream to its end to record it."""
    monkeypatch.setattr(settings, "disable_tracing", True)


@unchanged_by(Patch.STREAMS)
@pytest.mark.usefixtures("untraced")
def test_the_application_can_read_its_llms_stream_on() -> None:
    kept: list[Iterator[str]] = []

    def llm(*args: Any, messages: Any = None, **kwargs: Any) -> Iterator[str]:
        kept.append(chunk for chunk in CHUNKS)
        return kept[0]

    def call() -> list[str]:
        stream = Guard()(llm, messages=MESSAGES, stream=True)
        next(stream)
        stream.close()
        return list(kept[0])

    assert run_guard("idle", call) == list(CHUNKS[1:])


@unchanged_by(Patch.STREAMS)
def test_the_application_can_read_its_async_llms_stream_on() -> None:
    kept: list[Any] = []

    async def chunks() -> AsyncIterator[str]:
        for chunk in CHUNKS:
            yield chunk

    async def llm(*args: Any, messages: Any = None, **kwargs: Any) -> Any:
        kept.append(chunks())
        return SimpleNamespace(completion_stream=kept[0])

    async def call() -> list[str]:
        stream = await AsyncGuard()(llm, messages=MESSAGES, stream=True)
        await stream.__anext__()
        await stream.aclose()
        return [chunk async for chunk in kept[0]]

    assert run_async_guard("running", call) == list(CHUNKS[1:])


class AsyncClosing:
    """An LLM's synchronous stream that only a coroutine can close."""

    def __init__(self) -> None:
        self._chunks = iter(CHUNKS)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._chunks)

    async def close(self) -> None:
        """Hangs up."""


@unchanged_by(Patch.STREAMS)
@pytest.mark.filterwarnings("error:coroutine:RuntimeWarning")
def test_a_stream_that_only_a_coroutine_can_close_is_left_alone() -> None:
    def call() -> None:
        stream = Guard()(lambda *a, messages, **k: AsyncClosing(), messages=MESSAGES, stream=True)
        next(stream)
        stream.close()
        del stream
        gc.collect()

    run_guard("idle", call)
