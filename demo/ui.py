"""Shows the demo's store in MLflow's own pages: `python -m demo.ui [PORT]`."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

from demo import results
from demo.results import FOLDER, STORE, Call, Missing, Result
from demo.subjects import SUBJECTS

HOST = "127.0.0.1"
PORT = 5163
_START_SECONDS = 90
_STOP_SECONDS = 10
# Without these MLflow starts a worker a core, helpers for jobs, and tells its makers of the use.
_ENVIRONMENT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
_LOG = FOLDER / "ui.log"


def main(arguments: list[str]) -> int:
    """Serve the pages until Ctrl-C.

    Returns:
        0 after Ctrl-C, 1 if there is nothing to show or the server does not come up.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        found = _found()
        port = _port(arguments[0] if arguments else str(PORT))
        with serving(port) as server:
            _tell(found, root(port))
            return _failed(f"MLflow's server has ended by itself: see {_LOG}", server.wait())
    except Missing as missing:
        return _failed(str(missing), 1)
    except KeyboardInterrupt:
        print("\nstopped")
        return 0


def root(port: int) -> str:
    """The address that all pages begin with."""
    return f"http://{HOST}:{port}"


@contextlib.contextmanager
def serving(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """MLflow's server on the demo's store, from its first answer to the end of the block.

    Raises:
        Missing: If it does not come up.
    """
    with _server(port) as server:
        _await_start(server, root(port))
        yield server


def addresses(found: Iterable[Result], base: str) -> Iterator[tuple[str, str]]:
    """The pages worth a look: what it shows, and the address."""
    for result in found:
        call = result.calls[-1]
        for label, trace in _telling(call):
            yield (
                f"{result.subject.name}, {call.kind}: {label}",
                f"{listing(result, base)}&selectedEvaluationId={trace}",
            )


def listing(result: Result, base: str) -> str:
    """The page that lists a subject's traces, however long ago they were made."""
    return f"{base}/#/experiments/{result.experiment}/traces?startTimeLabel=ALL"


def _telling(call: Call) -> Iterator[tuple[str, str]]:
    yield from ((span.name, span.trace) for span in call.spans if span.id == call.caller)
    yield from ((f"ORPHAN {span.name}", span.trace) for span in call.orphans)


def _found() -> list[Result]:
    if not STORE.exists():
        raise Missing(f"{STORE}: there are no traces to show yet: run `make demo` first")
    return [results.load(FOLDER, subject) for subject in SUBJECTS]


def _port(text: str) -> int:
    # The highest port there is.
    if not text.isdecimal() or not 0 < int(text) <= 65535:  # noqa: PLR2004
        raise Missing(f"{text!r} is no port: give a number from 1 to 65535")
    with socket.socket() as probe:
        # A server that has just stopped leaves its port waiting, and not taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(text)))
        except OSError as error:
            raise Missing(f"port {text}: {error.strerror}: choose another, UI_PORT=…") from None
    return int(text)


@contextlib.contextmanager
def _server(port: int) -> Iterator[subprocess.Popen[bytes]]:
    store = f"sqlite:///{STORE.resolve()}"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    environment = {**os.environ, **_ENVIRONMENT}
    # A session of its own: Ctrl-C reaches this process alone, which then stops all of MLflow's.
    with Path(_LOG).open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=FOLDER,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        # The leader may be gone and its helpers not.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)


def _await_start(server: subprocess.Popen[bytes], base: str) -> None:
    print("starting MLflow's server …", flush=True)
    end = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        if _answers(base):
            return
        time.sleep(0.2)
    raise Missing(f"MLflow's server did not start: see {_LOG}")


def _answers(base: str) -> bool:
    # No proxy: the server is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{base}/health", timeout=2) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False


def _tell(found: Iterable[Result], base: str) -> None:
    print(f"MLflow shows the demo's traces at {base} until Ctrl-C.\n")
    for label, address in addresses(found, base):
        print(f"{label}\n    {address}")
    sys.stdout.flush()


def _failed(text: str, code: int) -> int:
    print("error:", text, file=sys.stderr)
    return code or 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
