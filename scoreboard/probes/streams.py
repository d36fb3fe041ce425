"""D4 and D7: what a stream's parts see, and the trace that it makes, however it is read."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any

from regression.backends import BACKENDS
from regression.loops import in_thread, run_guard
from regression.spans import Span, outlasting, seen_paths
from regression.stage import NAME, ROOT, SECRET, Stage

from scoreboard.cells import Faults, probes
from scoreboard.situations import (
    CHUNKS,
    GUARDS,
    Llm,
    Streamed,
    called,
    differing,
    logged,
    stream_of,
)

CONSUMER = "the consumer's own"
PARTS = {"guard": NAME, "secret": SECRET}


def streamed(kind: str, stage: Stage) -> Any:
    """A stream with one validator, opened."""
    return stream_of(kind, Llm(stage), Streamed(on_fail="noop").part(stage.act, "check"))


@probes("D4", "seen in a Guard's stream", ("llm", "check"), tuple(PARTS), ("here", "in threads"))
def seen(role: str, what: str, where: str) -> Faults:
    """Whoever takes part in a stream knows whose Guard it is, and with which kwargs."""
    ways: dict[str, Callable[[Any], Any]] = {"here": list, "in threads": _read_in_threads}
    with BACKENDS["opentelemetry"]() as tracing:
        stage = Stage(tracing)
        run_guard("idle", lambda: ways[where](streamed("Guard", stage)))
    return differing(stage, what, PARTS[what], role)


def _read_in_threads(stream: Any) -> None:
    """As Starlette does: each chunk is asked for in a copy of the context, elsewhere."""
    for _ in range(len(CHUNKS) + 1):
        in_thread(lambda: copy_context().run(next, stream, None))


WAYS = ("read to its end", "each chunk elsewhere", "left early", "abandoned")


@probes("D7", "a stream's trace", GUARDS, WAYS)
def trace(kind: str, way: str) -> Faults:
    """One trace, everything in it in its place and in its parent's time."""
    with BACKENDS["opentelemetry"]() as tracing, logged("opentelemetry.context") as errors:
        stage = Stage(tracing)
        left = called(kind, partial(_consume, way, stage), partial(_async_consume, way, stage))
        gc.collect()
        return [*errors, *left, *_misplaced(tracing.finished())]


@probes("D7", "the consumer's current span between chunks", GUARDS)
def between(kind: str) -> Faults:
    """It is the consumer's own."""
    with BACKENDS["opentelemetry"]() as tracing:
        stage, way = Stage(tracing), WAYS[0]
        return list(
            called(kind, partial(_consume, way, stage), partial(_async_consume, way, stage))
        )


def _consume(way: str, stage: Stage) -> Faults:
    """Reads a stream in some way; returns what became current in the consumer."""
    step = _elsewhere if way == "each chunk elsewhere" else _here
    current: list[str | None] = []
    with stage.caller():
        stream = streamed("Guard", stage)
        while step(stream) is not None:
            current.append(_work(stage))
            if way in WAYS[2:]:
                break
        if way == "left early":
            stream.close()
        del stream
        gc.collect()
        current.append(_work(stage))
    return [f"current for the consumer: {name}" for name in current if name != ROOT]


def _here(stream: Any) -> Any:
    return next(stream, None)


def _elsewhere(stream: Any) -> Any:
    context = copy_context()
    return in_thread(lambda: context.run(next, stream, None))


def _work(stage: Stage) -> str | None:
    """What a consumer does with a chunk; returns the span that was current before."""
    current = stage.tracing.current()
    with stage.tracing.span(CONSUMER):
        return current


async def _async_consume(way: str, stage: Stage) -> Faults:
    step = _in_a_task if way == "each chunk elsewhere" else _async_here
    current: list[str | None] = []
    with stage.caller():
        stream = await streamed("AsyncGuard", stage)
        while await step(stream) is not None:
            current.append(_work(stage))
            if way in WAYS[2:]:
                break
        if way == "left early":
            await stream.aclose()
        del stream
        await _collected()
        current.append(_work(stage))
    return [f"current for the consumer: {name}" for name in current if name != ROOT]


async def _async_here(stream: Any) -> Any:
    return await anext(stream, None)


async def _in_a_task(stream: Any) -> Any:
    return await asyncio.create_task(_async_here(stream))


async def _collected() -> None:
    """The loop closes what is no longer referenced, some turns later."""
    gc.collect()
    for _ in range(20):
        await asyncio.sleep(0)


def _misplaced(spans: list[Span]) -> Faults:
    """What is not where a call without a stream would have it."""
    names = Counter(span.name for span in spans)
    paths = set(seen_paths(spans))
    faults = [
        f"{names[name]} spans called {name}" for name in ("guard", "step") if names[name] != 1
    ]
    faults += [f"{path[0]} is a root" for path in paths if path[0] != ROOT]
    faults += [f"too much: {path}" for path in paths if path[-1].startswith("stream")]
    wanted = [(ROOT, "guard"), (ROOT, "guard", "step"), (ROOT, CONSUMER)]
    faults += [f"missing: {path}" for path in wanted if path not in paths]
    validation = "tests/streamed.validate"
    faults += [f"at {p}" for p in paths if p[-1] == validation and p[-2:-1] != ("step",)]
    return faults + [f"{s.name} is not within {p.name}" for s, p in outlasting(spans)]
