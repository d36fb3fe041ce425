"""MLflow's own server on an SQLite store, from its first answer until it is no longer needed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

HOST = "127.0.0.1"
_START_SECONDS = 90
_STOP_SECONDS = 10
# Without these MLflow starts a worker a core, helpers for jobs, and tells its makers of the use.
_ENVIRONMENT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


class NotStarted(Exception):
    """The server does not come up; the text is one line that says where to look."""


def root(port: int) -> str:
    """The address that all of the server's pages begin with."""
    return f"http://{HOST}:{port}"


@contextlib.contextmanager
def serving(store: Path, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """MLflow's server, from its first answer to the end of the block.

    Args:
        store: The SQLite file.
        port: The port.
        log: Where to keep what the server prints.

    Raises:
        NotStarted: If it does not come up.
    """
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{store.resolve()}"]
    command += ["--host", HOST, "--port", str(port)]
    process = launch(command, store.parent, log, _ENVIRONMENT)
    try:
        _await_start(process, root(port), log)
        yield process
    finally:
        _stop(process)


def launch(
    command: list[str], folder: Path, log: Path, variables: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Starts a process; what it prints goes to a file.

    It has a session of its own: Ctrl-C reaches this process alone, which then stops all of its own.
    """
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **variables},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        # The leader may be gone and its helpers not.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)


def _await_start(server: subprocess.Popen[bytes], base: str, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        if _answers(base):
            return
        time.sleep(0.2)
    raise NotStarted(f"MLflow's server did not start: see {log}")


def _answers(base: str) -> bool:
    # No proxy: the server is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{base}/health", timeout=2) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False
