"""`refresh-patches`: exports a tree's commits back to its line, or changes nothing at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from scripts import build, fetch, files, git, lock, series, trees
from scripts.errors import Failure
from scripts.layout import Layout
from scripts.lock import Release
from scripts.trees import State


def refresh(
    layout: Layout,
    locked: Mapping[str, Release],
    versions: Sequence[str] | None = None,
    sdists: Path | None = None,
) -> list[str]:
    """Export the commits of trees to their lines, and rebuild all that the lines serve.

    Args:
        layout: The checkout.
        locked: The lock.
        versions: The releases whose trees to export; every line's newest one if not given.
        sdists: A folder of sdists to use instead of cache and index.

    Returns:
        One text a line that says what became of it.

    Raises:
        Failure: If a tree cannot be exported as it is, or a release of its line no longer builds.
            Patches, lock and trees are then as before.
    """
    with files.exclusive(layout.trees):
        for folder in (layout.trees, layout.patches):
            files.recover(folder)
        return [
            _refresh_line(
                layout, dict(locked) if not place else lock.load(layout.lock), line, sdists
            )
            for place, line in enumerate(_lines(layout, locked, versions))
        ]


def _lines(
    layout: Layout, locked: Mapping[str, Release], versions: Sequence[str] | None
) -> list[str]:
    named = list(dict.fromkeys(release.line for release in locked.values()))
    if versions is None:
        return [line for line in named if layout.tree(lock.newest(locked.values(), line)).exists()]
    for version in versions:
        line = locked[version].line
        newest = lock.newest(locked.values(), line)
        if version != newest:
            raise Failure(
                f"{version}: line {line} is exported from its newest release: "
                f"make the change in guardrails/{newest}"
            )
    return [locked[version].line for version in versions]


def _refresh_line(
    layout: Layout, locked: dict[str, Release], line: str, sdists: Path | None
) -> str:
    newest = lock.newest(locked.values(), line)
    base = _exportable(layout, locked[newest])
    with tempfile.TemporaryDirectory(prefix=".exporting-", dir=layout.trees) as scratch:
        patches = build.exported(layout.tree(newest), base, Path(scratch) / "patches")
        if not patches:
            return f"{line}: no commits to export from guardrails/{newest}"
        if _same(layout.line(line), patches):
            return f"{line}: unchanged ({len(patches)} patches)"
        new_line = _new_line(layout.line(line), patches, Path(scratch) / line)
        _rebuild(layout, locked, line, new_line, sdists)
    served = [version for version, release in locked.items() if release.line == line]
    return f"{line}: {len(patches)} patches, trees rebuilt: {', '.join(served)}"


def _exportable(layout: Layout, release: Release) -> str:
    tree = layout.tree(release.version)
    shown = layout.shown(tree)
    found = trees.inspect(tree, "")
    if not found.base:
        detail = found.detail or "is not there"
        raise Failure(f"{shown}: {detail}: `make apply-patches RELEASE={release.version}` makes it")
    if found.state is State.TOUCHED and "commits" not in found.detail:
        raise Failure(f"{shown}: {found.detail}: commit or finish it first, then refresh")
    _check_commits(tree, shown, found.base)
    return found.base


def _check_commits(tree: Path, shown: str, base: str) -> None:
    if git.attempt(tree, "merge-base", "--is-ancestor", base, "HEAD").returncode:
        raise Failure(f"{shown}: its commits do not start at the tag upstream: rebase onto it")
    if git.run(tree, "rev-list", "--merges", f"{base}..HEAD"):
        raise Failure(f"{shown}: has a merge commit: a series is a line of commits, so rebase it")
    subjects = git.run(tree, "log", "--format=%s", f"{base}..HEAD").splitlines()
    if any(subject.startswith(("fixup!", "squash!", "amend!")) for subject in subjects):
        raise Failure(
            f"{shown}: has fixup commits: run `git -C {shown} rebase -i --autosquash upstream`"
        )


def _same(line: Path, patches: Sequence[Path]) -> bool:
    present = sorted(path.name for path in line.glob("*.patch"))
    exported = [patch.name for patch in patches]
    return series.names(line) == exported == present and all(
        (line / patch.name).read_bytes() == patch.read_bytes() for patch in patches
    )


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


def _rebuild(
    layout: Layout, locked: dict[str, Release], line: str, new_line: Path, sdists: Path | None
) -> None:
    served = [release for release in locked.values() if release.line == line]
    newest = lock.newest(locked.values(), line)
    _check_untouched(layout, served, newest)
    patches = series.read(new_line)
    made: list[tuple[Path, Path]] = []
    try:
        for release in served:
            exact = release.version == newest
            built = _built(layout, release, patches, sdists, exact=exact)
            made.append((built.folder, layout.tree(release.version)))
            locked[release.version] = replace(release, tree=built.tree)
            trees.mark(built, trees.digest(locked[release.version], patches))
        _check_lossless(layout, newest, patches, new_line.parent)
        new_lock = new_line.parent / layout.lock.name
        changed = {release.version: locked[release.version] for release in served}
        new_lock.write_bytes(lock.updated(layout.lock, changed))
        files.swap_in([(new_line, layout.line(line)), (new_lock, layout.lock), *made])
    finally:
        for folder, _ in made:
            files.remove(folder)


def _built(
    layout: Layout, release: Release, patches: Sequence[Path], sdists: Path | None, *, exact: bool
) -> build.Built:
    archive = fetch.locked(release, sdists)
    folder = layout.building(release.version)
    return build.build(folder, release.version, archive, patches, exact=exact)


def _check_untouched(layout: Layout, served: Sequence[Release], newest: str) -> None:
    for release in served:
        found = trees.inspect(layout.tree(release.version), "")
        if release.version != newest and found.state is State.TOUCHED:
            tree = layout.shown(layout.tree(release.version))
            raise Failure(f"{tree}: {found.detail}: it would be rebuilt: undo that first")


def _check_lossless(layout: Layout, newest: str, patches: Sequence[Path], scratch: Path) -> None:
    """A commit message that `git am` reads otherwise than it was written must not get in."""
    folder = layout.building(newest)
    again = build.exported(folder, "upstream", scratch / "again")
    for patch, second in zip(patches, again, strict=True):
        if patch.read_bytes() != second.read_bytes():
            raise Failure(
                f"{newest}: {patch.name}: git am changes its message: "
                "no row of it may be `---` or start with `diff -` or `From `"
            )
