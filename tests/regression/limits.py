"""A limit for every test, as a pytest plugin. One that strikes ends the process that it strikes in.

An exception from outside, as a signal's handler can raise it in the test, would leave half of a
module, a held lock or a changed class to all tests that follow. With xdist, the test is reported as
failed, with what each thread was doing, and a new worker runs the rest. Without, all ends there.
"""

import faulthandler
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .waiting import LIMIT, PATIENCE, VARIABLE

# As `timeout` ends. The control expects tests to fail, and this is to be told from that.
STRUCK = 124
# Calls that are the same in every test.
NOISE = ("/_pytest/", "/pluggy/", "/xdist/", "/execnet/", __file__, "<frozen")

STDERR = pytest.StashKey[int]()
NOTES = pytest.StashKey[Path]()
LOST = pytest.StashKey[bool]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    # What a test writes to 2 is captured, and lost with the process.
    config.stash[STDERR] = os.dup(2)
    if hasattr(config, "workerinput"):
        # Ctrl-C reaches workers, too. One that cleaned up first could hang in that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def pytest_unconfigure(config: pytest.Config) -> None:
    os.close(config.stash[STDERR])


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Keeps watch over a test and its fixtures, unless somebody may be looking at it."""
    if item.config.getoption("usepdb"):
        yield
        return
    watch = threading.Timer(LIMIT, _strike, (item,))
    watch.daemon = True
    watch.start()
    # Where the watch does not get its turn, since C code holds the interpreter.
    faulthandler.dump_traceback_later(LIMIT + PATIENCE, exit=True, file=item.config.stash[STDERR])
    yield
    faulthandler.cancel_dump_traceback_later()
    watch.cancel()
    # The next test may count threads.
    watch.join()


def _strike(item: pytest.Item) -> None:
    note = getattr(item.config, "workerinput", {}).get("note")
    text = (
        f"no end within {LIMIT:g} s, the limit of a test, which has ended its process\n"
        f"what struck: {item.nodeid}\n"
        f"on a slow machine: {VARIABLE}={2 * PATIENCE:g} doubles every limit\n"
        f"the tests after it: {'a new worker runs them' if note else 'they did not run'}\n"
        f"where, the innermost call first:\n{_stacks()}"
    )
    if note:
        Path(note).write_text(text, encoding="utf-8")
    os.write(item.config.stash[STDERR], f"\n{text}\n".encode())
    os._exit(STRUCK)


def _stacks() -> str:
    """What every thread is doing."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        faulthandler.dump_traceback(file)
        file.seek(0)
        return "".join(line for line in file if not any(part in line for part in NOISE))


# --- the controller of xdist's workers -------------------------------------------------------


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a worker where to leave a note."""
    stash = node.config.stash
    if NOTES not in stash:
        stash[NOTES] = Path(tempfile.mkdtemp(prefix="limits-"))
    node.workerinput["note"] = str(stash[NOTES] / node.gateway.id)


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(report: Any) -> None:
    """Reports what the worker noted, if anything, instead of just that it crashed."""
    note = Path(report.node.workerinput["note"])
    if note.exists():
        report.longrepr = note.read_text(encoding="utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Notices that what a worker had still to write is lost, the control's counts for instance."""
    if error:
        node.config.stash[LOST] = True


def pytest_sessionfinish(session: pytest.Session) -> None:
    stash = session.config.stash
    if NOTES in stash:
        shutil.rmtree(stash[NOTES], ignore_errors=True)
    if stash.get(LOST, False) and session.exitstatus != pytest.ExitCode.INTERRUPTED:
        session.exitstatus = STRUCK
