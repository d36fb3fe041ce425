"""Replaces patch lines: patches, lock entries and trees go in together, or nothing changes."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from scripts import build, fetch, files, lock, parallel, series, trees
from scripts.errors import Failure
from scripts.layout import Layout
from scripts.lock import Release


@dataclasses.dataclass(frozen=True)
class _Job:
    """A release to build: its entry, the folder of its line's new patches, and its sdist."""

    release: Release
    folder: Path
    archive: tuple[str, bytes]


def same(line: Path, patches: Sequence[Path]) -> bool:
    """Whether exported patches are byte for byte the ones that a line has."""
    present = sorted(path.name for path in line.glob("*.patch"))
    exported = [patch.name for patch in patches]
    return series.names(line) == exported == present and all(
        (line / patch.name).read_bytes() == patch.read_bytes() for patch in patches
    )


def replace_lines(
    layout: Layout,
    locked: dict[str, Release],
    new: Mapping[str, Sequence[Path]],
    sdists: Path | None,
) -> dict[str, list[str]]:
    """Give lines other patches, and rebuild every release that they serve.

    Args:
        layout: The checkout.
        locked: The lock; the entries of the lines' releases are brought up to date in it.
        new: By line its new patches, in order, exported from the line's newest release.
        sdists: A folder of sdists to use instead of cache and index.

    Returns:
        By line the releases that were rebuilt.

    Raises:
        Failure: If a release does not build with the new patches, or the tree of an older one has
            edits. Patches, lock and trees are then as before.
    """
    served = [release for release in locked.values() if release.line in new]
    newest = {lock.newest(locked.values(), line) for line in new}
    check_untouched(layout, [release for release in served if release.version not in newest])
    with tempfile.TemporaryDirectory(prefix=".exporting-", dir=layout.trees) as scratch:
        folders = {
            line: _new_line(layout.line(line), patches, Path(scratch) / line)
            for line, patches in new.items()
        }
        jobs = [
            _Job(release, folders[release.line], fetch.locked(release, sdists))
            for release in served
        ]
        built: dict[str, build.Built] = {}
        try:
            parallel.each(lambda job: _build(layout, job, newest, built), jobs)
            _swap_in(layout, locked, folders, built)
        finally:
            for tree in built.values():
                files.remove(tree.folder)
    return {line: [r.version for r in served if r.line == line] for line in new}


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


def _build(
    layout: Layout, job: _Job, newest: Collection[str], built: dict[str, build.Built]
) -> None:
    version, patches = job.release.version, series.read(job.folder)
    exact = version in newest
    place = layout.building(version)
    # Noted at once: where a later release fails, this one's folder has to go.
    tree = built[version] = build.build(place, version, job.archive, patches, exact=exact)
    if exact:
        _check_lossless(tree, patches, job.folder.with_name(f"again-{version}"))


def _swap_in(
    layout: Layout,
    locked: dict[str, Release],
    folders: Mapping[str, Path],
    built: Mapping[str, build.Built],
) -> None:
    for version, tree in built.items():
        locked[version] = locked[version].built(tree.tree)
        patches = series.read(folders[locked[version].line])
        trees.mark(tree, trees.digest(locked[version], patches))
    lines = [(folder, layout.line(line)) for line, folder in folders.items()]
    new_lock = lines[0][0].with_name(layout.lock.name)
    changed = {version: locked[version] for version in built}
    new_lock.write_bytes(lock.updated(layout.lock, changed))
    moves = [(tree.folder, layout.tree(version)) for version, tree in built.items()]
    files.swap_in([*lines, (new_lock, layout.lock), *moves])


def _check_lossless(built: build.Built, patches: Sequence[Path], output: Path) -> None:
    """A commit message that `git am` reads otherwise than it was written must not get in."""
    again = build.exported(built.folder, built.base, output)
    for patch, second in zip(patches, again, strict=True):
        if patch.read_bytes() != second.read_bytes():
            raise Failure(
                f"{patch.name}: git am reads its message otherwise: its subject may not have PATCH "
                "in brackets, and no row may be `---` or start with `diff -` or `From `"
            )
