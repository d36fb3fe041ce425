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

from service.config import HOST, WORKERS, Config

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
    log = folder / f"{name}.log"
    environment = {**os.environ, **variables}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
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


def mlflow_server(port: int, store: Path) -> list[str]:
    """The command of MLflow's tracking server on SQLite."""
    place = ("--backend-store-uri", f"sqlite:///{store}", "--host", HOST, "--port", str(port))
    return [sys.executable, "-m", "mlflow", "server", "--workers", "1", *place]


def uvicorn(target: str, port: int, *options: str) -> list[str]:
    """The command of a service."""
    place = ("--host", HOST, "--port", str(port), "--log-level", "warning")
    return [sys.executable, "-m", "uvicorn", target, *place, *options]


def application(config: Config, port: int) -> list[str]:
    """The command of the application."""
    return uvicorn("service.app:app", port, "--workers", str(WORKERS), "--loop", config.loop)


def resident(pid: int) -> float:
    """A process's memory, in MiB; 0 if it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def workers(address: str, wanted: int = WORKERS) -> set[int]:
    """The application's workers, asked for until each has answered."""
    found: set[int] = set()

    def look() -> set[int] | None:
        said = ask(f"{address}/ready")
        if said:
            found.add(said["pid"])
        return found if len(found) >= wanted else None

    return until("the application's workers", look)
