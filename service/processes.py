"""Starts the run's processes, waits until they answer, and ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx

from demo.server import HOST, launch
from service.config import WORKERS, Config

_START_SECONDS = 120
_STOP_SECONDS = 60
_Result = TypeVar("_Result")


class Broken(Exception):
    """Something did not come up or did not do what it has to; the text says what and where."""


@contextmanager
def started(
    name: str, command: list[str], folder: Path, variables: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a process as long as the block; what it prints goes to a file."""
    process = launch(command, folder, folder / f"{name}.log", variables)
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Asks a process to end, as a platform does, and does not wait for ever."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(
    what: str, look: Callable[[], _Result | None], seconds: float = _START_SECONDS
) -> _Result:
    """Looks until there is a result.

    Raises:
        Broken: If there is none in time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (found := look()) is not None:
            return found
        time.sleep(0.2)
    raise Broken(f"{what}: not in {seconds:g} s")


def ask(address: str) -> dict[str, int] | None:
    """What a service says about itself; None if it does not answer."""
    try:
        answer = httpx.get(address, timeout=5)
        return dict(answer.json()) if answer.is_success else None
    except (httpx.HTTPError, ValueError):
        return None


def uvicorn(target: str, port: int, *options: str) -> list[str]:
    """The command of a service."""
    place = ("--host", HOST, "--port", str(port), "--log-level", "warning")
    # Clients keep connections for five seconds; a server that closes one at that very moment
    # fails the next request, which is no fault of guardrails.
    kept = ("--timeout-keep-alive", "600")
    return [sys.executable, "-m", "uvicorn", target, *place, *kept, *options]


def application(config: Config, port: int) -> list[str]:
    """The command of the application."""
    return uvicorn("service.app:app", port, "--workers", str(WORKERS), "--loop", config.loop)


def workers(address: str, wanted: int = WORKERS) -> set[int]:
    """The application's workers, asked for until each has answered."""
    found: set[int] = set()

    def look() -> set[int] | None:
        said = ask(f"{address}/ready")
        if said:
            found.add(said["pid"])
        return found if len(found) >= wanted else None

    return until("the application's workers", look)
