"""How a patch fits a tree that it was not made from, such as a clone of upstream.

Git merges the commit that the series makes of a patch, as `git cherry-pick` does: what has changed
elsewhere since then has no say.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import git, patchfile
from scripts.patchfile import FileDiff

_PICK = ("cherry-pick", "--no-commit")


class Fit(enum.Enum):
    """How a patch fits."""

    EXACT = "applies as is"
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
    found = patchfile.diffs(patch.read_bytes())
    exact = all(diff.blobs[0] == _blob(tree, diff.path) for diff in found)
    if not git.attempt(tree, *_PICK, commit).returncode:
        changed = git.run(tree, "diff", "--cached", "--name-only")
        how = Fit.EXACT if exact else Fit.MERGED
        return Finding(how if changed else Fit.UPSTREAM)
    places = conflicts(tree)
    culprit = _culprit(tree, [diff for diff in found if diff.path in places], history)
    git.run(tree, "reset", "--quiet", "--hard")
    git.attempt(tree, *_PICK, "--strategy-option=theirs", commit)
    git.run(tree, "add", "--all")
    return Finding(Fit.CONFLICT, "; ".join([*places.values(), *culprit]))


def conflicts(tree: Path) -> dict[str, str]:
    """The files in which git has left conflicts, each with where the first one is."""
    found = {}
    for path in git.run(tree, "diff", "--name-only", "--diff-filter=U").splitlines():
        rows = (tree / path).read_bytes().splitlines() if (tree / path).is_file() else []
        lines = [number for number, row in enumerate(rows, start=1) if row.startswith(b"<<<<<<<")]
        found[path] = f"{path}: hunk 1 of {len(lines)} (line {lines[0]})" if lines else path
    return found


def upstreams(tree: Path, commits: Sequence[str]) -> set[str]:
    """Find out which commits' changes are in a tree already; the tree stays as it is.

    One is there if it can be taken out, and what was there is back when it is put in again. The
    last comes first, and stays out, since a later change may lie over an earlier one.

    Args:
        tree: The tree, with nothing uncommitted in it.
        commits: The commits that the series makes, in order.
    """
    found = set()
    for commit in reversed(commits):
        before = _written(tree)
        reverted = git.attempt(tree, "revert", "--no-commit", commit)
        without = "" if reverted.returncode else _written(tree)
        if without in ("", before):
            git.run(tree, "read-tree", "--reset", "-u", before)
            continue
        picked = git.attempt(tree, *_PICK, commit)
        if not picked.returncode and _written(tree) == before:
            found.add(commit)
            before = without
        git.run(tree, "read-tree", "--reset", "-u", before)
    git.run(tree, "reset", "--quiet", "--hard")
    return found


def _written(tree: Path) -> str:
    return git.run(tree, "write-tree").strip()


def _blob(tree: Path, path: str) -> str:
    """The id of a file's content, as an index row has it."""
    row = git.run(tree, "ls-tree", "HEAD", "--", path)
    return row.split()[2] if row else git.ZERO_ID


def _culprit(tree: Path, found: Sequence[FileDiff], history: str) -> list[str]:
    """The newest commit that took away, or brought, what the patch does not expect."""
    for diff in found:
        for search in _searches(tree, diff):
            asked = ("log", "-1", "--format=%h (%s)", *search, history, "--", diff.path)
            if commit := git.run(tree, *asked).strip():
                return [f"changed by upstream's {commit}"]
    return []


def _searches(tree: Path, diff: FileDiff) -> Iterator[tuple[str, ...]]:
    """What to ask `git log` for, if the patch does not fit a file."""
    before = git.attempt(tree, "show", f"HEAD:{diff.path}")
    if diff.blobs[0] == git.ZERO_ID:
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
    yield ()
