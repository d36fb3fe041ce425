"""The ways to run a function in a worker thread, ours among them.

Each is a function without arguments that returns what makes one hop: an asynchronous function
without arguments either. What a peer needs is imported only where the peer is measured.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Hop = Callable[[], Awaitable[Any]]


def nothing() -> None:
    """What is run."""


def bare() -> Hop:
    """Upstream's way: the caller's context stays behind."""
    loop = asyncio.get_running_loop()
    return lambda: loop.run_in_executor(None, nothing)


def ours(module: Path) -> Hop:
    """The executor of the first patch, without the rest of guardrails.

    Args:
        module: The file that has it.
    """
    spec = importlib.util.spec_from_file_location("context_executor", module)
    assert spec
    assert spec.loader
    executor = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(executor)
    loop = asyncio.get_running_loop()
    return lambda: executor.run_in_executor(loop, nothing)


def to_thread() -> Hop:
    """Python's own way."""
    return lambda: asyncio.to_thread(nothing)


def anyio() -> Hop:
    """The one of anyio, with worker threads and a limit of its own."""
    from anyio.to_thread import run_sync

    return lambda: run_sync(nothing)


def asgiref() -> Hop:
    """Django's and Channels', in any thread."""
    from asgiref.sync import sync_to_async

    return sync_to_async(nothing, thread_sensitive=False)


def langchain() -> Hop:
    """The one that guardrails' own dependency langchain-core has."""
    from langchain_core.runnables.config import run_in_executor

    return lambda: run_in_executor(None, nothing)


def instrumented() -> Hop:
    """The bare way, where OpenTelemetry instruments threads: it carries its own context only."""
    from opentelemetry.instrumentation.threading import ThreadingInstrumentor

    instrumentor = ThreadingInstrumentor()
    if not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument()
    return bare()


# How a table names them. All but the first carry the context.
BARE, OURS = "bare run_in_executor", "ours"
PEERS: dict[str, Callable[[], Hop]] = {
    "asyncio.to_thread": to_thread,
    "anyio.to_thread.run_sync": anyio,
    "asgiref.sync_to_async": asgiref,
    "langchain-core run_in_executor": langchain,
    "OpenTelemetry threading": instrumented,
}


def contenders(module: Path) -> dict[str, Callable[[], Hop]]:
    """All of them by name, what they are compared with first.

    Args:
        module: The file that has our executor.
    """
    return {BARE: bare, OURS: lambda: ours(module), **PEERS}
