"""Git that gives the same result on every machine.

The user's settings, hooks, identity and environment have no say: a tree's commit ids follow from
the sdist and the patches alone.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.errors import Failure

NAME = "Guardrails Context"
# As the patches' authors: a name that can be nobody's.
EMAIL = "maintainers@guardrails-context.invalid"
BASE_DATE = "2000-01-01T00:00:00+0000"
ZERO_ID = "0" * 40

# Given on the command line, so that they also beat a tree's own .git/config.
SETTINGS = {
    "am.keepcr": "true",
    "am.threeWay": "false",
    "apply.ignoreWhitespace": "no",
    "apply.whitespace": "error",
    "commit.gpgSign": "false",
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "core.checkStat": "default",
    "core.excludesFile": os.devnull,
    "core.fileMode": "true",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.quotePath": "false",
    "core.trustctime": "true",
    "core.whitespace": "blank-at-eol,blank-at-eof,space-before-tab",
    "diff.noprefix": "false",
    "diff.orderFile": os.devnull,
    "gc.auto": "0",
    "i18n.commitEncoding": "utf-8",
    "i18n.logOutputEncoding": "utf-8",
    "init.defaultBranch": "context",
    "maintenance.auto": "false",
    "merge.conflictStyle": "merge",
    "merge.renames": "false",
}

_running: set[subprocess.Popen[bytes]] = set()
_stopping = threading.Event()


def environment(tree: Path) -> dict[str, str]:
    """The process environment for git in a tree."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return inherited | {
        "GIT_AUTHOR_DATE": BASE_DATE,
        "GIT_AUTHOR_EMAIL": EMAIL,
        "GIT_AUTHOR_NAME": NAME,
        # A damaged tree must not be taken for the checkout around it.
        "GIT_CEILING_DIRECTORIES": str(tree.resolve().parent),
        "GIT_COMMITTER_DATE": BASE_DATE,
        "GIT_COMMITTER_EMAIL": EMAIL,
        "GIT_COMMITTER_NAME": NAME,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
        "TZ": "UTC",
    }


def attempt(tree: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run git in a tree and return what happened, success or not.

    Raises:
        Failure: If there is no git to run.
    """
    # A tree of another owner, as in a container, is still ours to read.
    settings = SETTINGS | {"safe.directory": str(tree.resolve())}
    pairs = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    return _ran(["git", "-C", str(tree), *pairs, *arguments], environment(tree), stdin)


def as_user(tree: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder with the user's own settings and identity: what it commits is theirs.

    Raises:
        Failure: If there is no git to run.
    """
    return _ran(["git", "-C", str(tree), *arguments], os.environ, stdin)


def _ran(
    command: Sequence[str], variables: Mapping[str, str], stdin: bytes
) -> subprocess.CompletedProcess[bytes]:
    with _started(command, variables) as process:
        stdout, stderr = process.communicate(stdin)
    if _stopping.is_set():
        raise KeyboardInterrupt
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


@contextmanager
def _started(
    command: Sequence[str], variables: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=variables)
    except FileNotFoundError:
        raise Failure("git is not on PATH: install git 2.30 or newer") from None
    _running.add(process)
    with process:
        try:
            # Asked once it is among those that run, so that no stop goes past it.
            if _stopping.is_set():
                process.kill()
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            _running.discard(process)


@contextmanager
def stopped() -> Iterator[None]:
    """Kill every git that runs in any thread, and each that is started in the meantime.

    An interrupt reaches the main thread only: to the others this hands it on, as `attempt` raises
    KeyboardInterrupt there.
    """
    _stopping.set()
    try:
        for process in list(_running):
            process.kill()
        yield
    finally:
        _stopping.clear()


def run(tree: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run git in a tree and return its standard output.

    Raises:
        Failure: If git exits with an error.
    """
    return output(tree, *arguments, stdin=stdin).decode("utf-8", "surrogateescape")


def output(tree: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Run git in a tree and return its standard output as it is.

    Raises:
        Failure: If git exits with an error.
    """
    done = attempt(tree, *arguments, stdin=stdin)
    if done.returncode:
        raise Failure(f"git {arguments[0]} failed in {tree}: {first_line(done.stderr)}")
    return done.stdout


def first_line(output: bytes) -> str:
    """The first line of git's complaint, or a stand-in if it said nothing."""
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[0].removeprefix("error: ").removeprefix("fatal: ") if lines else "no message"
