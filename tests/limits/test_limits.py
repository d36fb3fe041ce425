"""What becomes of a test that hangs, of those around it, and of all processes after Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from regression.limits import STRUCK
from regression.waiting import PATIENCE, VARIABLE

TESTS = Path(__file__).parents[1]
# Five of it are a test's limit: more than enough for the others, on a slow machine as well.
SHORT = "1"
AROUND = """
import os, threading, pytest

@pytest.mark.parametrize("number", range(10))
def test_before(number): pass

{}

@pytest.mark.parametrize("number", range(10))
def test_after(number): pass
"""
HANGS = "def test_hangs(): threading.Event().wait()"
HANG = f"""
{HANGS}

@pytest.fixture
def stuck(): threading.Event().wait()
def test_has_a_fixture_that_hangs(stuck): pass
"""
HOLDS_THE_INTERPRETER = "def test_hangs(): import re; re.match('(a*)*b', 'a' * 99)"
DIES = "def test_dies(): os._exit(1)"
WORKERS = ("-n", "2")
# Without those around it, which a short limit could strike.
ALONE = ("-p", "no:xdist", "-k", "hangs or while")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p regression.limits\n")
    return tmp_path


def started(folder: Path, test: str, *options: str, patience: str = SHORT) -> subprocess.Popen[str]:
    """A pytest of its own, in a group of its own, on tests around one."""
    (folder / "test_it.py").write_text(AROUND.format(test))
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(TESTS), VARIABLE: patience, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ran(folder: Path, test: str, *options: str, patience: str = SHORT) -> tuple[int, str]:
    """The exit status of such a pytest, and what it printed."""
    process = started(folder, test, *options, patience=patience)
    try:
        printed, _ = process.communicate(timeout=2 * PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, printed


def test_those_that_hang_are_reported_and_new_workers_run_the_others(folder: Path) -> None:
    status, printed = ran(folder, HANG, *WORKERS)
    assert status == STRUCK
    assert "FAILED test_it.py::test_hangs - no end within 5 s" in printed
    assert "FAILED test_it.py::test_has_a_fixture_that_hangs - no end within 5 s" in printed
    assert "2 failed, 20 passed" in printed
    report = printed[printed.index("= FAILURES =") :]
    assert f"{VARIABLE}=2 doubles every limit" in report
    assert "what struck: test_it.py::test_hangs\n" in report
    assert " in test_hangs\n" in report
    assert " in stuck\n" in report


def test_without_workers_all_ends_there_and_says_so(folder: Path) -> None:
    status, printed = ran(folder, HANGS, *ALONE, patience="0.4")
    assert status == STRUCK
    assert "no end within 2 s" in printed
    assert "what struck: test_it.py::test_hangs\n" in printed
    assert f"{VARIABLE}=0.8 doubles every limit" in printed
    assert "the tests after it: they did not run" in printed
    assert "in test_hangs\n" in printed


def test_what_holds_the_interpreter_ends_as_well(folder: Path) -> None:
    status, printed = ran(folder, HOLDS_THE_INTERPRETER, *WORKERS, "-k", "hangs", patience="0.4")
    assert status == STRUCK
    assert "crashed while running 'test_it.py::test_hangs'" in printed
    assert "in test_hangs\n" in printed


def test_a_worker_that_dies_otherwise_is_no_mere_failure_either(folder: Path) -> None:
    # The control expects failures; what it counts went with the worker.
    status, printed = ran(folder, DIES, *WORKERS)
    assert status == STRUCK
    assert "1 failed, 20 passed" in printed


def test_the_variable_gives_it_longer(folder: Path) -> None:
    takes_a_while = "def test_takes_a_while(): threading.Event().wait(1.5)"
    assert ran(folder, takes_a_while, *ALONE, patience="0.2")[0] == STRUCK
    assert ran(folder, takes_a_while, *ALONE)[0] == 0


def test_nobody_is_interrupted_in_the_debugger(folder: Path) -> None:
    takes_a_while = "def test_takes_a_while(): threading.Event().wait(1.5)"
    assert ran(folder, takes_a_while, *ALONE, "--pdb", patience="0.2")[0] == 0


@pytest.mark.parametrize("given", ["soon", "0", "-1", "inf", "nan"])
def test_what_is_no_number_of_seconds_is_refused_in_one_line(folder: Path, given: str) -> None:
    status, printed = ran(folder, HANGS, patience=given)
    assert status != 0
    assert f"{VARIABLE}={given}: it is a number of seconds, for instance 600" in printed


@pytest.mark.parametrize(
    "test",
    [
        "def test_hangs(): print('there', file=open('there', 'w')); threading.Event().wait()",
        # It cleans up for ever, as a server does that waits for its clients.
        "def test_hangs():\n"
        "    while True:\n"
        "        try:\n"
        "            open('there', 'w').close(); threading.Event().wait()\n"
        "        except BaseException: pass\n",
    ],
    ids=["hangs", "never gives up"],
)
def test_ctrl_c_ends_the_workers_too(folder: Path, test: str) -> None:
    process = started(folder, test, *WORKERS, patience=str(PATIENCE))
    try:
        wait_until("a worker is at it", (folder / "there").exists)
        os.killpg(process.pid, signal.SIGINT)
        printed, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == pytest.ExitCode.INTERRUPTED, printed
        assert "KeyboardInterrupt" in printed
        wait_until("nobody is left", lambda: not members(process.pid))
    finally:
        if members(process.pid):
            os.killpg(process.pid, signal.SIGKILL)


def members(group: int) -> list[str]:
    """The processes of a group that have not ended."""
    command = ["ps", "-A", "-o", "pgid=,stat=,args="]
    rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = [row.split(None, 2) for row in rows]
    return [" ".join(row) for row in found if row[0] == str(group) and row[1][0] != "Z"]


def wait_until(what: str, holds: Callable[[], object]) -> None:
    """Waits for something that nobody tells us of."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.05)
