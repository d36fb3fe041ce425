"""What was done to each patch of a line, from its patches before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import change, patchfile, threeway
from scripts.change import Change


@dataclass(frozen=True)
class Edit:
    """One patch of the line before and after.

    Attributes:
        before: As it was; None if it is new.
        after: As it is; None if it was dropped.
        diff: Whether its diff was edited, and not only carried along by other patches.
    """

    before: Change | None
    after: Change | None
    diff: bool

    @property
    def anything(self) -> bool:
        """Whether anything but its place in the order was changed."""
        if not (self.before and self.after):
            return True
        return self.diff or self.before.head != self.after.head


def edits(tree: Path, before: Sequence[Path], after: Sequence[Path]) -> list[Edit]:
    """Tell what was done to each patch, in the new order; those that were dropped come last.

    Args:
        tree: The tree with the commits that both come from.
        before: The line's patches as they were.
        after: The patches as they are exported now.
    """
    line = before[0].parent.name if before else tree.name
    old = change.by_subject(line, map(Change.read, before))
    new = change.by_subject(line, map(Change.read, after))
    pairs = [(_was(one, old, new), one) for one in new.values()]
    kept = [was for was, _ in pairs]
    made = [Edit(was, one, was is None or _diff_edited(tree, was, one)) for was, one in pairs]
    dropped = [Edit(one, None, diff=True) for one in old.values() if one not in kept]
    return [*made, *dropped]


def _was(one: Change, old: dict[str, Change], new: dict[str, Change]) -> Change | None:
    if one.subject in old:
        return old[one.subject]
    # With another subject it is still the same patch if it does the same.
    gone = [was for subject, was in old.items() if subject not in new]
    return next((was for was in gone if was.rows == one.rows), None)


def _diff_edited(tree: Path, before: Change, after: Change) -> bool:
    if before.rows != after.rows:
        return True
    pairs = zip(before.files, after.files, strict=True)
    return any(_moved(tree, was, now) for was, now in pairs)


def _moved(tree: Path, was: patchfile.FileDiff, now: patchfile.FileDiff) -> bool:
    """Whether the same rows sit elsewhere, and not because a patch before this one put them there.

    The rows alone do not tell: a row that was moved to another function is the same row. So what
    the patch did before is merged into what the file is before it now; where that makes another
    file than the commit does, somebody has moved them.
    """
    if was.blobs == now.blobs:
        return False
    blobs = (now.blobs[0], *was.blobs, now.blobs[1])
    try:
        ours, base, theirs, after = (threeway.content(tree, blob) for blob in blobs)
        return threeway.merge(tree, ours, base, theirs) != after
    except threeway.Conflict:
        return False
