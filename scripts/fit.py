"""How a patch fits a tree that it was not made from: a clone of upstream, or a new release."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts import build, git, patchfile
from scripts.patchfile import FileDiff


class Fit(enum.Enum):
    """How a patch fits."""

    EXACT = "applies as is"
    OFFSET = "applies with offsets"
    UPSTREAM = "already upstream: drop it"
    CONFLICT = "conflicts"

    @property
    def applies(self) -> bool:
        """Whether `git apply` takes it."""
        return self in (Fit.EXACT, Fit.OFFSET)


@dataclass(frozen=True)
class Finding:
    """How one patch fits.

    Attributes:
        fit: How it fits.
        detail: Where it does not, and the commit of upstream's to look at; else empty.
    """

    fit: Fit
    detail: str = ""


def look(tree: Path, patch: Path) -> Finding:
    """Find out how a patch fits the commit that is checked out in a tree.

    Args:
        tree: The tree; it stays as it is.
        patch: The patch file.
    """
    found = patchfile.diffs(patch.read_bytes())
    file = str(patch.resolve())
    done = git.attempt(tree, "apply", "--check", "--index", file)
    if not done.returncode:
        exact = all(diff.blobs[0] == _blob(tree, diff.path) for diff in found)
        return Finding(Fit.EXACT if exact else Fit.OFFSET)
    if not git.attempt(tree, "apply", "--check", "--reverse", file).returncode:
        return Finding(Fit.UPSTREAM)
    stderr = done.stderr.decode("utf-8", "replace")
    return Finding(Fit.CONFLICT, "; ".join([build.refusal(patch, stderr), *_culprit(tree, found)]))


def _blob(tree: Path, path: str) -> str:
    """The id of a file's content, as an index row has it."""
    row = git.run(tree, "ls-tree", "HEAD", "--", path)
    return row.split()[2] if row else git.ZERO_ID


def _culprit(tree: Path, found: list[FileDiff]) -> Iterator[str]:
    """The newest commit that took away, or brought, what the patch does not expect."""
    for diff in found:
        for search in _searches(tree, diff):
            commit = git.run(tree, "log", "-1", "--format=%h (%s)", *search, "--", diff.path)
            if commit:
                yield f"changed by upstream's {commit.strip()}"
                return


def _searches(tree: Path, diff: FileDiff) -> Iterator[tuple[str, ...]]:
    """What to ask `git log` for, if the patch does not fit a file."""
    path = tree / diff.path
    if diff.blobs[0] == git.ZERO_ID:
        if path.exists():
            yield ("--diff-filter=A",)
        return
    if not path.exists():
        yield ("--diff-filter=D",)
        return
    rows = set(path.read_bytes().split(b"\n"))
    for hunk in diff.hunks:
        for row in hunk.rows:
            expected = row[1:]
            if row[:1] in (b" ", b"-") and expected.strip() and expected not in rows:
                yield (f"-S{expected.decode('utf-8', 'replace')}",)
    if diff.blobs[0] != _blob(tree, diff.path):
        yield ()
