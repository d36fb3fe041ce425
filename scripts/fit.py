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
    MERGED = "is merged by git"
    UPSTREAM = "already upstream: drop it"
    CONFLICT = "conflicts"


@dataclass(frozen=True)
class Finding:
    """How one patch fits.

    Attributes:
        fit: How it fits.
        detail: Where it does not, and the commit of upstream's to look at; else empty.
    """

    fit: Fit
    detail: str = ""


def put(tree: Path, patch: Path, commit: str, history: str) -> Finding:
    """Put a patch's change into a tree and its index.

    Of a conflict the patch's side is taken: what follows finds what it expects, and the same
    conflict is not counted again with each later patch.

    Args:
        tree: The tree, with nothing uncommitted in it.
        patch: The patch file.
        commit: The patch's commit, as the series makes it; the tree's repository has it.
        history: Which of upstream's commits may be to blame for a conflict, such as `v1..main`.
    """
    found, file = patchfile.diffs(patch.read_bytes()), str(patch.resolve())
    exact = all(diff.blobs[0] == _blob(tree, diff.path) for diff in found)
    applied = git.attempt(tree, "apply", "--index", file)
    if not applied.returncode:
        return Finding(Fit.EXACT if exact else Fit.OFFSET)
    if not git.attempt(tree, "cherry-pick", "--no-commit", commit).returncode:
        return Finding(Fit.MERGED if git.run(tree, "status", "--porcelain") else Fit.UPSTREAM)
    refusal = build.refusal(patch, applied.stderr.decode("utf-8", "replace"))
    detail = "; ".join([refusal, *_culprit(tree, found, history)])
    git.run(tree, "reset", "--quiet", "--hard")
    git.attempt(tree, "cherry-pick", "--no-commit", "--strategy-option=theirs", commit)
    git.run(tree, "add", "--all")
    return Finding(Fit.CONFLICT, detail)


def upstreams(tree: Path, patches: list[Path]) -> set[Path]:
    """Find out which patches' changes are in a tree already; the tree stays as it is.

    The last comes first, since a later change may lie over an earlier one.

    Args:
        tree: The tree, with nothing uncommitted in it.
        patches: The series, in order.
    """
    command = ("apply", "--reverse", "--index")
    found = {
        patch
        for patch in reversed(patches)
        if not git.attempt(tree, *command, str(patch.resolve())).returncode
    }
    git.run(tree, "reset", "--quiet", "--hard")
    return found


def _blob(tree: Path, path: str) -> str:
    """The id of a file's content, as an index row has it."""
    row = git.run(tree, "ls-tree", "HEAD", "--", path)
    return row.split()[2] if row else git.ZERO_ID


def _culprit(tree: Path, found: list[FileDiff], history: str) -> Iterator[str]:
    """The newest commit that took away, or brought, what the patch does not expect."""
    for diff in found:
        for search in _searches(tree, diff):
            asked = ("log", "-1", "--format=%h (%s)", *search, history, "--", diff.path)
            commit = git.run(tree, *asked).strip()
            if commit:
                yield f"changed by upstream's {commit}"
                return


def _searches(tree: Path, diff: FileDiff) -> Iterator[tuple[str, ...]]:
    """What to ask `git log` for, if the patch does not fit a file."""
    before = git.attempt(tree, "show", f"HEAD:{diff.path}")
    if diff.blobs[0] == git.ZERO_ID:
        if not before.returncode:
            yield ("--diff-filter=A",)
        return
    if before.returncode:
        yield ("--diff-filter=D",)
        return
    rows = set(before.stdout.split(b"\n"))
    for hunk in diff.hunks:
        for row in hunk.rows:
            expected = row[1:]
            if row[:1] in (b" ", b"-") and expected.strip() and expected not in rows:
                yield (f"-S{expected.decode('utf-8', 'replace')}",)
    if diff.blobs[0] != _blob(tree, diff.path):
        yield ()
