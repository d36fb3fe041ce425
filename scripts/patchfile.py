"""One patch file, taken apart: message, trailers, and the diff of each file with its hunks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_INDEX = re.compile(r"index ([0-9a-f]+)\.\.([0-9a-f]+)(?: \d{6})?")
# They say where a change sits, not what it is; every row of a hunk starts with another character.
_PLACE = re.compile(rb"^(index |@@ ).*", re.MULTILINE)


@dataclass
class Hunk:
    """A hunk of a diff.

    Attributes:
        line: The first line of the old file that the hunk covers.
        rows: The hunk's rows, without their line ends.
    """

    line: int
    rows: list[bytes] = field(default_factory=list)


@dataclass
class FileDiff:
    """What a patch does to one file.

    Attributes:
        path: The file, relative to the tree.
        headers: The rows between `diff --git` and the first hunk.
        hunks: The hunks, in order.
    """

    path: str
    headers: list[str] = field(default_factory=list)
    hunks: list[Hunk] = field(default_factory=list)

    @property
    def blobs(self) -> tuple[str, str]:
        """The ids of the file's content before and after; empty if there is no index row."""
        for header in self.headers:
            if match := _INDEX.fullmatch(header):
                return match[1], match[2]
        return "", ""


def halves(content: bytes) -> tuple[bytes, bytes]:
    """A patch's mail, and the diffs of all files."""
    mail, start, diff = content.partition(b"\ndiff --git ")
    return mail, start + diff


def alike(one: bytes, other: bytes) -> bool:
    """Whether two patches make the same change in the same context, at whatever place."""
    first, second = (_PLACE.sub(rb"\1", halves(each)[1]) for each in (one, other))
    return first == second


def diffs(content: bytes) -> list[FileDiff]:
    """Parse the diffs of a patch; hunks are read by length, so that no row is mistaken."""
    found: list[FileDiff] = []
    rows = iter(content.split(b"\n"))
    for row in rows:
        if row.startswith(b"diff --git "):
            found.append(FileDiff(_path(row)))
        elif found and (match := _HUNK.match(row)):
            found[-1].hunks.append(_hunk(match, rows))
        elif row.startswith(b"\\ ") and found and found[-1].hunks:
            found[-1].hunks[-1].rows.append(row)
        elif found and not found[-1].hunks:
            found[-1].headers.append(row.decode("utf-8", "replace"))
    return found


def _path(row: bytes) -> str:
    # Renames are off, so both halves of "a/PATH b/PATH" are the same length.
    both = row.removeprefix(b"diff --git ").decode("utf-8", "replace")
    return both[: len(both) // 2].removeprefix('"').removeprefix("a/")


def _hunk(match: re.Match[bytes], rows: Iterator[bytes]) -> Hunk:
    old, new = (int(match[group] or 1) for group in (2, 4))
    hunk = Hunk(int(match[1]))
    while old > 0 or new > 0:
        row = next(rows, None)
        if row is None:
            break
        hunk.rows.append(row)
        old -= row[:1] in (b" ", b"-", b"")
        new -= row[:1] in (b" ", b"+", b"")
    return hunk


def hunk_number(patch: Path, path: str, line: int) -> int:
    """Which hunk of a file's diff, counted from 1, starts at a line; 0 if none does."""
    for diff in diffs(patch.read_bytes()):
        if diff.path == path:
            starts = [hunk.line for hunk in diff.hunks]
            return starts.index(line) + 1 if line in starts else 0
    return 0
