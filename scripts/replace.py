"""Replaces the series: patches, lock entries and trees go in together, or nothing changes."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from scripts import build, files, lock, parallel, series, trees
from scripts.desk import Desk
from scripts.errors import Failure
from scripts.series import Series, Wanted


@dataclass(frozen=True)
class Change:
    """What the series is to become: the patches' titles in order, and what each release has.

    The trees of the edited releases have commits that went into it, and may be replaced.
    """

    titles: Sequence[str]
    wanted: Wanted
    edited: Collection[str]


def replace(desk: Desk, change: Change) -> tuple[Series, list[str]]:
    """Replace the series, and rebuild every release that has other patches then.

    Returns:
        The new series, and the releases that were rebuilt.

    Raises:
        Failure: If a release does not build, or its tree has edits that the series has not.
            Patches, lock and trees are then as before.
    """
    folder = desk.scratch / desk.layout.patches.name
    shutil.copytree(desk.layout.patches, folder)
    new = series.write(folder, desk.locked, change.titles, change.wanted)
    versions = [v for v in desk.locked if v in change.edited or _differs(desk.made, new, v)]
    trees.check_untouched(desk.layout, [v for v in versions if v not in change.edited])
    jobs = [(version, desk.archive(version)) for version in versions]
    built: dict[str, build.Built] = {}
    try:
        parallel.each(lambda job: _build(desk, new, *job, built), jobs)
        _swap_in(desk, new, built)
    finally:
        for tree in built.values():
            files.remove(tree.folder)
    return series.load(desk.layout.patches, desk.locked), versions


def _differs(old: Series, new: Series, version: str) -> bool:
    """Whether a release's patches become others, in name or content."""
    before, after = ([p.name for p in each.patches(version)] for each in (old, new))
    return before != after or old.contents(version) != new.contents(version)


def _build(
    desk: Desk,
    new: Series,
    version: str,
    archive: tuple[str, bytes],
    built: dict[str, build.Built],
) -> None:
    patches, own = new.patches(version), new.own(version)
    place = desk.layout.building(version)
    # Noted at once: where a later release fails, this one's folder has to go.
    tree = built[version] = build.build(place, version, archive, patches, own)
    again = build.exported(place, f"{tree.base}..HEAD", desk.scratch / "again" / version)
    for patch, _ in build.unlike(patches, again, own):
        raise Failure(
            f"{patch.name}: git am reads its message otherwise: its subject may not have PATCH "
            "in brackets, and no row may be `---` or start with `diff -` or `From `"
        )


def _swap_in(desk: Desk, new: Series, built: Mapping[str, build.Built]) -> None:
    layout = desk.layout
    entries = {version: desk.locked[version].built(tree.tree) for version, tree in built.items()}
    for version, tree in built.items():
        trees.mark(tree, trees.digest(entries[version], new.patches(version)))
    new_lock = desk.scratch / layout.lock.name
    new_lock.write_bytes(lock.updated(layout.lock, entries))
    moves = [(tree.folder, layout.tree(version)) for version, tree in built.items()]
    files.swap_in([(new.folder, layout.patches), (new_lock, layout.lock), *moves])
