"""Replaces a patch line: patches, lock entries and trees go in together, or nothing changes."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from scripts import build, fetch, files, lock, series, trees
from scripts.errors import Failure
from scripts.layout import Layout
from scripts.lock import Release


def same(line: Path, patches: Sequence[Path]) -> bool:
    """Whether exported patches are byte for byte the ones that a line has."""
    present = sorted(path.name for path in line.glob("*.patch"))
    exported = [patch.name for patch in patches]
    return series.names(line) == exported == present and all(
        (line / patch.name).read_bytes() == patch.read_bytes() for patch in patches
    )


def replace_line(
    layout: Layout,
    locked: dict[str, Release],
    line: str,
    patches: Sequence[Path],
    sdists: Path | None,
) -> list[str]:
    """Give a line other patches, and rebuild every release that it serves.

    Args:
        layout: The checkout.
        locked: The lock; the entries of the line's releases are brought up to date in it.
        line: The line.
        patches: The new patches, in order, exported from the line's newest release.
        sdists: A folder of sdists to use instead of cache and index.

    Returns:
        The releases that were rebuilt.

    Raises:
        Failure: If a release does not build with the new patches, or the tree of an older one has
            edits. Patches, lock and trees are then as before.
    """
    newest = lock.newest(locked.values(), line)
    served = [release for release in locked.values() if release.line == line]
    check_untouched(layout, [release for release in served if release.version != newest])
    with tempfile.TemporaryDirectory(prefix=".exporting-", dir=layout.trees) as scratch:
        folder = _new_line(layout.line(line), patches, Path(scratch) / line)
        built: dict[str, build.Built] = {}
        try:
            for release in served:
                exact = release.version == newest
                tree = _built(layout, release, folder, sdists, exact=exact)
                built[release.version] = tree
                locked[release.version] = dataclasses.replace(release, tree=tree.tree)
            _check_lossless(built[newest], series.read(folder), Path(scratch) / "again")
            _swap_in(layout, locked, folder, built)
        finally:
            for tree in built.values():
                files.remove(tree.folder)
    return list(built)


def check_untouched(layout: Layout, releases: Iterable[Release]) -> None:
    """Refuse to go on if a tree that would be replaced has edits or commits of its own.

    Raises:
        Failure: Names the tree and what was found there.
    """
    for release in releases:
        tree = layout.tree(release.version)
        if detail := trees.inspect(tree).detail:
            raise Failure(f"{layout.shown(tree)}: {detail}: it would be rebuilt: undo that first")


def _new_line(old: Path, patches: Sequence[Path], new: Path) -> Path:
    """The line's next content: other files stay, patches and series are made anew."""
    if old.is_dir():
        shutil.copytree(old, new, ignore=shutil.ignore_patterns("*.patch"))
    new.mkdir(exist_ok=True)
    for patch in patches:
        shutil.copyfile(patch, new / patch.name)
    head = (new / series.FILE).read_text(encoding="utf-8") if (new / series.FILE).exists() else ""
    (new / series.FILE).write_bytes(series.text([patch.name for patch in patches], head))
    return new


def _built(
    layout: Layout, release: Release, folder: Path, sdists: Path | None, *, exact: bool
) -> build.Built:
    archive = fetch.locked(release, sdists)
    place = layout.building(release.version)
    return build.build(place, release.version, archive, series.read(folder), exact=exact)


def _swap_in(
    layout: Layout, locked: dict[str, Release], folder: Path, built: dict[str, build.Built]
) -> None:
    changed = {version: locked[version] for version in built}
    patches = series.read(folder)
    for version, tree in built.items():
        trees.mark(tree, trees.digest(changed[version], patches))
    new_lock = folder.with_name(layout.lock.name)
    new_lock.write_bytes(lock.updated(layout.lock, changed))
    moves = [(tree.folder, layout.tree(version)) for version, tree in built.items()]
    files.swap_in([(folder, layout.line(folder.name)), (new_lock, layout.lock), *moves])


def _check_lossless(built: build.Built, patches: Sequence[Path], output: Path) -> None:
    """A commit message that `git am` reads otherwise than it was written must not get in."""
    again = build.exported(built.folder, built.base, output)
    for patch, second in zip(patches, again, strict=True):
        if patch.read_bytes() != second.read_bytes():
            raise Failure(
                f"{patch.name}: git am reads its message otherwise: its subject may not have PATCH "
                "in brackets, and no row may be `---` or start with `diff -` or `From `"
            )
