"""Shows the demo's store in MLflow's own pages: `python -m demo.ui [PORT]`."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager

from demo import results, server
from demo.results import FOLDER, STORE, Call, Missing, Result
from demo.server import HOST, NotStarted, root
from demo.subjects import SUBJECTS

PORT = 5163
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
        print("starting MLflow's server …", flush=True)
        with serving(port) as process:
            _tell(found, root(port))
            return _failed(f"MLflow's server has ended by itself: see {_LOG}", process.wait())
    except (Missing, NotStarted) as failure:
        return _failed(str(failure), 1)
    except KeyboardInterrupt:
        print("\nstopped")
        return 0


def serving(port: int) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """MLflow's server on the demo's store, from its first answer to the end of the block.

    Raises:
        NotStarted: If it does not come up.
    """
    return server.serving(STORE, port, _LOG)


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
