"""The vendored trees: what is in each place, and whether it may be replaced."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import build, files, git
from scripts.errors import Failure
from scripts.layout import Layout
from scripts.lock import Release

_MARK = "context-built"
_SHOWN_FILES = 3


class State(enum.Enum):
    """What stands in a tree's place."""

    ABSENT = "absent"
    CURRENT = "up to date"
    STALE = "made from another lock or series"
    AHEAD = "has commits of its own"
    TOUCHED = "edited, damaged or not ours"


@dataclass(frozen=True)
class Finding:
    """What a look at a tree's place found.

    Attributes:
        state: What stands there.
        detail: What was found, if the tree may not be replaced; else empty.
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
    rows = status.stdout.decode("utf-8", "replace").split("\0")
    if detail := unfinished(folder) or _edited(rows):
        return Finding(State.TOUCHED, detail, base)
    if f"# branch.oid {head}" not in rows:
        return Finding(State.AHEAD, "has commits that the series does not", base)
    return Finding(State.CURRENT if was == expected else State.STALE, base=base)


def check_basis(layout: Layout, release: Release, patches: Sequence[Path]) -> None:
    """Refuse a tree that was not built from these patches: its export would undo what came since.

    Raises:
        Failure: Names the tree, and how to save its commits.
    """
    tree = layout.tree(release.version)
    noted = _noted(tree)
    if not noted or noted[0] != digest(release, patches):
        raise Failure(
            f"{layout.shown(tree)}: was built from another lock or series than there is now: save "
            f"commits of your own (`git -C {layout.shown(tree)} format-patch …`), `make "
            f"apply-patches RELEASE={release.version} FORCE=1`, and `git am` them"
        )


def check_untouched(layout: Layout, versions: Iterable[str]) -> None:
    """Refuse to go on if a tree that would be replaced has edits or commits of its own.

    Raises:
        Failure: Names the tree and what was found there.
    """
    for version in versions:
        tree = layout.tree(version)
        if detail := inspect(tree).detail:
            raise Failure(f"{layout.shown(tree)}: {detail}: it would be rebuilt: undo that first")


def tidy(layout: Layout) -> None:
    """Clear away what an earlier run left when it failed or was killed."""
    files.recover(layout.trees)
    files.recover(layout.root)
    for pattern in (".building-*", ".exporting-*"):
        for folder in layout.trees.glob(pattern):
            files.remove(folder)


def _noted(folder: Path) -> tuple[str, str, str] | None:
    try:
        was, base, head = (folder / ".git" / _MARK).read_text().split()
    except (OSError, ValueError):
        return None
    return was, base, head


def _edited(rows: list[str]) -> str:
    changes = [row for row in rows if row and not row.startswith("#")]
    files = [row[2:] if row[0] == "?" else row.split(" ", 8)[-1] for row in changes]
    if files:
        return f"has edited files: {some(files)}"
    return "" if "# branch.head context" in rows else "is not on its branch context"


def some(files: Sequence[str]) -> str:
    """The first of some files, and how many more there are."""
    more = f" and {len(files) - _SHOWN_FILES} more" if len(files) > _SHOWN_FILES else ""
    return f"{', '.join(files[:_SHOWN_FILES])}{more}"


def unfinished(folder: Path) -> str:
    """What git is in the middle of in a folder; empty if it is not."""
    marks = {
        "rebase-apply": "am or rebase",
        "rebase-merge": "rebase",
        "MERGE_HEAD": "merge",
        "CHERRY_PICK_HEAD": "cherry-pick",
        "REVERT_HEAD": "revert",
    }
    found = [name for mark, name in marks.items() if (folder / ".git" / mark).exists()]
    return f"is in the middle of a git {found[0]}" if found else ""
