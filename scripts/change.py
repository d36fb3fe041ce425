"""A patch as lines share it: what it says and which rows come and go, wherever they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scripts import patchfile
from scripts.errors import Failure

_FOLDED = re.compile(rb"[^\n]*(?:\n[ \t][^\n]*)*")
# They say where a change sits, not what it is.
_PLACES = ("index ", "--- ", "+++ ")


@dataclass(frozen=True)
class Change:
    """A patch file's content in two halves.

    Attributes:
        name: The file's name.
        head: Author, date and message.
        diff: The diffs of all files.
    """

    name: str
    head: bytes
    diff: bytes

    @classmethod
    def read(cls, path: Path) -> Change:
        """Read a patch file."""
        head, start, diff = path.read_bytes().partition(b"\ndiff --git ")
        return cls(path.name, head, start + diff)

    @property
    def content(self) -> bytes:
        """The patch file's content."""
        return self.head + self.diff

    @property
    def message(self) -> bytes:
        """The subject and what follows it."""
        return self.head.partition(b"\nSubject: ")[2]

    @property
    def subject(self) -> str:
        """The subject, on one row: by it the lines know a patch."""
        folded = _FOLDED.match(self.message)
        rows = folded[0].splitlines() if folded else []
        subject = b" ".join(row.strip() for row in rows).decode("utf-8", "replace")
        return subject.removeprefix("[PATCH] ")

    @cached_property
    def files(self) -> list[patchfile.FileDiff]:
        """What it does, file by file."""
        return patchfile.diffs(self.diff)

    @cached_property
    def rows(self) -> list[tuple[str, list[str], list[bytes]]]:
        """By file the rows that come and go, without their place and what is around them."""
        return [(file.path, _headers(file), list(_rows(file))) for file in self.files]

    def same(self, other: Change) -> bool:
        """Whether the other makes the same change and says the same about it."""
        return self.rows == other.rows and self.message == other.message


def _headers(file: patchfile.FileDiff) -> list[str]:
    return [header for header in file.headers if header and not header.startswith(_PLACES)]


def _rows(file: patchfile.FileDiff) -> Iterator[bytes]:
    for hunk in file.hunks:
        above = b""
        for row in hunk.rows:
            # `\ No newline at end of file` belongs to the row above it.
            if row.startswith((b"+", b"-")) or (row.startswith(b"\\") and above[:1] in b"+-"):
                yield row
            above = row


def by_subject(line: str, changes: Iterable[Change]) -> dict[str, Change]:
    """The patches of a line by subject.

    Raises:
        Failure: If two have the same, so that neither can be told from the other.
    """
    found: dict[str, Change] = {}
    for change in changes:
        first = found.setdefault(change.subject, change)
        if first is not change:
            raise Failure(f"{line}: {first.name} and {change.name} have one subject: change one")
    return found
