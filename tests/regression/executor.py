"""The executor under test, and the loops that it runs on."""

import asyncio
from collections.abc import Awaitable
from contextlib import closing
from typing import Any, Callable

import pytest

from .waiting import PATIENCE

EVENT_LOOPS = ("asyncio", "uvloop")


def run_in_executor(func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
    """guardrails' executor, imported late: where it is missing, tests fail and are not broken."""
    from guardrails.utils.context_executor import run_in_executor

    return run_in_executor(asyncio.get_running_loop(), func, *args)


def new_loop(kind: str) -> asyncio.AbstractEventLoop:
    """An event loop of asyncio or of uvloop."""
    if kind == "uvloop":
        uvloop = pytest.importorskip("uvloop", reason="uvloop has no wheel for this Python")
        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def run(kind: str, main: Callable[[], Awaitable[Any]]) -> Any:
    """Runs a coroutine function on a loop of its own, within bounds."""
    with closing(new_loop(kind)) as loop:
        try:
            return loop.run_until_complete(asyncio.wait_for(main(), PATIENCE))
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
