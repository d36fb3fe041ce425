"""The vendored trees: what is in each place, and whether it may be replaced."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import build, files, git
from scripts.layout import Layout
from scripts.lock import Release

_MARK = "context-built"
_SHOWN_FILES = 3


class State(enum.Enum):
    """What stands in a tree's place."""

    ABSENT = "absent"
    CURRENT = "up to date"
    STALE = "made from another lock or series"
    TOUCHED = "touched"


@dataclass(frozen=True)
class Finding:
    """What a look at a tree's place found.

    Attributes:
        state: What stands there.
        detail: For a touched tree, one text that says what was found.
        base: The commit of the sdist as published, if the tree is one of ours.
    """

    state: State
    detail: str = ""
    base: str = ""


def digest(release: Release, patches: Sequence[Path]) -> str:
    """A digest of all that a tree is made from."""
    hasher = hashlib.sha256(repr((build.FORMAT, release)).encode())
    for patch in patches:
        content = patch.read_bytes()
        hasher.update(f"\0{patch.name}\0{len(content)}\0".encode() + content)
    return hasher.hexdigest()


def mark(built: build.Built, digested: str) -> None:
    """Note in a tree's `.git` what it was made from and where its commits start and end."""
    note = f"{digested} {built.base} {built.head}\n"
    files.write_atomic(built.folder / ".git" / _MARK, note.encode())


def inspect(folder: Path, expected: str = "") -> Finding:
    """Look at a tree's place without changing anything there.

    Args:
        folder: The tree's place.
        expected: The digest that an up-to-date tree has.
    """
    if not (folder.exists() or folder.is_symlink()):
        return Finding(State.ABSENT)
    noted = _noted(folder)
    status = git.attempt(folder, "status", "--porcelain=v2", "--branch", "-z") if noted else None
    if not noted or status is None or status.returncode:
        return Finding(State.TOUCHED, "is no tree of ours, or its .git is damaged")
    was, base, head = noted
    detail = _edits(folder, head, status.stdout.decode("utf-8", "replace").split("\0"))
    if detail:
        return Finding(State.TOUCHED, detail, base)
    return Finding(State.CURRENT if was == expected else State.STALE, base=base)


def made_from(folder: Path) -> str:
    """The digest that a tree was built from; empty if it is none of ours."""
    noted = _noted(folder)
    return noted[0] if noted else ""


def tidy(layout: Layout) -> None:
    """Clear away what an earlier run left when it failed or was killed."""
    files.recover(layout.trees)
    files.recover(layout.patches)
    for pattern in (".building-*", ".exporting-*"):
        for folder in layout.trees.glob(pattern):
            files.remove(folder)


def _noted(folder: Path) -> tuple[str, str, str] | None:
    try:
        was, base, head = (folder / ".git" / _MARK).read_text().split()
    except (OSError, ValueError):
        return None
    return was, base, head


def _edits(folder: Path, head: str, rows: list[str]) -> str:
    branch = {row.split()[1]: row.split()[2] for row in rows if row.startswith("# branch.")}
    changed = [row.split(" ", 8)[-1] if row[0] != "?" else row[2:] for row in rows if _change(row)]
    if unfinished := in_progress(folder):
        return f"is in the middle of a git {unfinished}"
    if changed:
        more = f" and {len(changed) - _SHOWN_FILES} more" if len(changed) > _SHOWN_FILES else ""
        return f"has edited files: {', '.join(changed[:_SHOWN_FILES])}{more}"
    if branch.get("branch.oid") != head:
        return "has commits that the series does not"
    if branch.get("branch.head") != "context":
        return "is not on its branch context"
    return ""


def _change(row: str) -> bool:
    return bool(row) and not row.startswith("#")


def in_progress(folder: Path) -> str:
    """Which git operation a tree is in the middle of, if any."""
    marks = {
        "am or rebase": "rebase-apply",
        "rebase": "rebase-merge",
        "merge": "MERGE_HEAD",
        "cherry-pick": "CHERRY_PICK_HEAD",
        "revert": "REVERT_HEAD",
    }
    return next((name for name, mark in marks.items() if (folder / ".git" / mark).exists()), "")
