"""What goes wrong in ways that a user can do something about."""

from __future__ import annotations

from pathlib import Path


def reason(error: OSError) -> str:
    """Where the system refused something, and why."""
    return f"{error.filename or 'disk'}: {error.strerror or error}"


class Failure(Exception):
    """An expected failure. Its text is one line that says what is wrong and what to do."""


class PatchFailure(Failure):
    """A patch that does not apply. The half-built tree is kept for looking at.

    Args:
        problem: One line that names the patch, the release, the file and the hunk.
        tree: The half-built tree.
        version: Its release.
    """

    def __init__(self, problem: str, tree: Path, version: str) -> None:
        super().__init__(f"{problem}; the half-built tree is in {tree}")
        self.problem = problem
        self.version = version
