"""The ways to run a function in a worker thread, ours among them.

Each is a context manager for what makes one hop: an asynchronous function without arguments. What
a peer needs is imported, and installed, only while the peer is measured.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from functools import cache, partial
from pathlib import Path
from typing import Any

Hop = Callable[[], Awaitable[Any]]
Contender = Callable[[], AbstractContextManager[Hop]]


def nothing() -> None:
    """What is run."""


@contextmanager
def bare() -> Iterator[Hop]:
    """Upstream's way: the caller's context stays behind."""
    loop = asyncio.get_running_loop()
    yield lambda: loop.run_in_executor(None, nothing)


@contextmanager
def ours(module: Path) -> Iterator[Hop]:
    """The executor of the first patch, without the rest of guardrails.

    Args:
        module: The file that has it.
    """
    loop, run_in_executor = asyncio.get_running_loop(), _loaded(module).run_in_executor
    yield lambda: run_in_executor(loop, nothing)


@cache
def _loaded(module: Path) -> Any:
    spec = importlib.util.spec_from_file_location("context_executor", module)
    assert spec
    assert spec.loader
    executor = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(executor)
    return executor


@contextmanager
def floor() -> Iterator[Hop]:
    """The least that carries a context: nothing that StopIteration or a process pool needs."""
    loop = asyncio.get_running_loop()
    yield lambda: loop.run_in_executor(None, partial(copy_context().run, nothing))


@contextmanager
def to_thread() -> Iterator[Hop]:
    """Python's own way."""
    yield lambda: asyncio.to_thread(nothing)


@contextmanager
def anyio() -> Iterator[Hop]:
    """The one of anyio, with worker threads and a limit of its own."""
    from anyio.to_thread import run_sync

    yield lambda: run_sync(nothing)


@contextmanager
def asgiref() -> Iterator[Hop]:
    """Django's and Channels', in any thread."""
    from asgiref.sync import sync_to_async

    yield sync_to_async(nothing, thread_sensitive=False)


@contextmanager
def langchain() -> Iterator[Hop]:
    """The one that guardrails' own dependency langchain-core has."""
    from langchain_core.runnables.config import run_in_executor

    yield lambda: run_in_executor(None, nothing)


@contextmanager
def instrumented() -> Iterator[Hop]:
    """The bare way, where OpenTelemetry instruments threads: it carries its own context only."""
    from opentelemetry.instrumentation.threading import ThreadingInstrumentor

    ThreadingInstrumentor().instrument()
    try:
        with bare() as hop:
            yield hop
    finally:
        ThreadingInstrumentor().uninstrument()


# How a table names them. All but the first carry the context.
BARE, OURS, FLOOR = "bare run_in_executor", "ours", "Context.run alone"
PEERS: dict[str, Contender] = {
    "asyncio.to_thread": to_thread,
    "anyio.to_thread.run_sync": anyio,
    "asgiref.sync_to_async": asgiref,
    "langchain-core run_in_executor": langchain,
    "OpenTelemetry threading": instrumented,
}


def contenders(module: Path) -> dict[str, Contender]:
    """All of them by name, what they are compared with first.

    Args:
        module: The file that has our executor.
    """
    return {BARE: bare, OURS: partial(ours, module), FLOOR: floor, **PEERS}
