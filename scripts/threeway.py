"""A three-way merge of one file's content; None stands for a file that is not there."""

from __future__ import annotations

import tempfile
from pathlib import Path

from scripts import git


class Conflict(Exception):
    """Both sides changed the same place.

    Args:
        marked: The content with git's conflict marks, for looking at.
    """

    def __init__(self, marked: bytes | None = None) -> None:
        super().__init__("conflict")
        self.marked = marked


def content(tree: Path, blob: str) -> bytes | None:
    """A blob's content.

    Raises:
        Conflict: If it is not at hand, so that there is nothing to merge.
    """
    if blob == git.ZERO_ID:
        return None
    found = git.attempt(tree, "cat-file", "blob", blob)
    if found.returncode:
        raise Conflict
    return found.stdout


def merge(tree: Path, ours: bytes | None, base: bytes | None, theirs: bytes | None) -> bytes | None:
    """Bring what was done between `base` and `theirs` into `ours`.

    Args:
        tree: Any tree, to run git in.
        ours: The content to change.
        base: The content before.
        theirs: The content after.

    Raises:
        Conflict: If it does not fit.
    """
    if base in (ours, theirs):
        return theirs if ours == base else ours
    if ours == theirs:
        return ours
    if ours is None or base is None or theirs is None:
        raise Conflict
    with tempfile.TemporaryDirectory() as scratch:
        paths = [Path(scratch, name) for name in ("ours", "base", "theirs")]
        for path, text in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(text)
        merged = git.attempt(tree, "merge-file", "-p", *map(str, paths))
    if merged.returncode:
        raise Conflict(merged.stdout)
    return merged.stdout
