"""What goes wrong in ways that a user can do something about."""

from __future__ import annotations


class Failure(Exception):
    """An expected failure. Its text is one line that says what is wrong and what to do."""


class PatchFailure(Failure):
    """A patch that does not apply; the half-built tree is kept for looking at."""
