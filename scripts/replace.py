"""Replaces the series: patches, lock entries and trees go in together, or nothing changes."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from scripts import build, fetch, files, lock, parallel, series, trees
from scripts.errors import Failure
from scripts.layout import Layout
from scripts.lock import Release
from scripts.series import Series, Wanted


@dataclasses.dataclass(frozen=True)
class Change:
    """A series that is to take the place of another one.

    Attributes:
        old: The series that is there.
        titles: The patches, in their new order.
        wanted: What each release is to have of them.
        edited: The releases whose trees have commits that went into it, to be replaced.
    """

    old: Series
    titles: Sequence[str]
    wanted: Wanted
    edited: Collection[str]


def replace(
    layout: Layout, locked: Mapping[str, Release], change: Change, scratch: Path, sdists: Path | None
) -> tuple[Series, list[str]]:
    """Replace the series, and rebuild every release that has other patches then.

    Args:
        layout: The checkout.
        locked: The lock, as it is to be but for the trees' ids.
        change: The series to come.
        scratch: A folder, to be made, beside the trees.
        sdists: A folder of sdists to use instead of cache and index.

    Returns:
        The new series, and the releases that were rebuilt.

    Raises:
        Failure: If a release does not build, or its tree has edits that the series has not.
            Patches, lock and trees are then as before.
    """
    folder = scratch / layout.patches.name
    shutil.copytree(layout.patches, folder)
    new = series.write(folder, locked, change.titles, change.wanted)
    versions = [v for v in locked if v in change.edited or _otherwise(change.old, new, v)]
    trees.check_untouched(layout, [v for v in versions if v not in change.edited])
    jobs = [(locked[version], fetch.locked(locked[version], sdists)) for version in versions]
    built: dict[str, build.Built] = {}
    try:
        parallel.each(lambda job: _build(layout, new, *job, scratch, built), jobs)
        _swap_in(layout, locked, new, built)
    finally:
        for tree in built.values():
            files.remove(tree.folder)
    return series.load(layout.patches, locked), versions


def _otherwise(old: Series, new: Series, version: str) -> bool:
    """Whether a release's patches become others, in name or content."""
    before, after = ([p.name for p in each.patches(version)] for each in (old, new))
    return before != after or old.contents(version) != new.contents(version)


def _build(
    layout: Layout,
    new: Series,
    release: Release,
    archive: tuple[str, bytes],
    scratch: Path,
    built: dict[str, build.Built],
) -> None:
    version, own = release.version, new.own(release.version)
    patches, place = new.patches(version), layout.building(version)
    # Noted at once: where a later release fails, this one's folder has to go.
    tree = built[version] = build.build(place, version, archive, patches, own)
    again = build.exported(place, f"{tree.base}..HEAD", scratch / "again" / version)
    for patch, _ in build.unlike(patches, again, own):
        raise Failure(
            f"{patch.name}: git am reads its message otherwise: its subject may not have PATCH "
            "in brackets, and no row may be `---` or start with `diff -` or `From `"
        )


def _swap_in(
    layout: Layout, locked: Mapping[str, Release], new: Series, built: Mapping[str, build.Built]
) -> None:
    entries = {version: locked[version].built(tree.tree) for version, tree in built.items()}
    for version, tree in built.items():
        trees.mark(tree, trees.digest(entries[version], new.patches(version)))
    new_lock = new.folder.with_name(layout.lock.name)
    new_lock.write_bytes(lock.updated(layout.lock, entries))
    moves = [(tree.folder, layout.tree(version)) for version, tree in built.items()]
    files.swap_in([(new.folder, layout.patches), (new_lock, layout.lock), *moves])
