"""`refresh-patches`: exports a tree's commits back to its line, or changes nothing at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import build, carry, files, git, lock, replace_line, series, trees
from scripts.errors import Failure
from scripts.layout import Layout
from scripts.lock import Release
from scripts.trees import State


@dataclass(frozen=True)
class Options:
    """How to refresh.

    Attributes:
        to: The lines to carry the changes to, all others if it is empty; none if it is None.
        sdists: A folder of sdists to use instead of cache and index.
    """

    to: Sequence[str] | None = None
    sdists: Path | None = None


def refresh(
    layout: Layout,
    locked: Mapping[str, Release],
    versions: Sequence[str] | None = None,
    options: Options | None = None,
) -> Iterator[str]:
    """Export the commits of trees to their lines, and rebuild all that the lines serve.

    Args:
        layout: The checkout.
        locked: The lock.
        versions: The releases whose trees to export; every line's newest one if not given.
        options: How.

    Yields:
        One text a line that says what became of it.

    Raises:
        Failure: If a tree cannot be exported as it is, or a release of its line no longer builds.
            Patches, lock and trees are then as before.
    """
    with files.exclusive(layout.trees):
        trees.tidy(layout)
        lines = _lines(layout, locked, versions)
        current = dict(locked)
        for line in lines:
            alone = versions is not None
            yield from _refresh_line(layout, current, line, options or Options(), alone=alone)


def _lines(
    layout: Layout, locked: Mapping[str, Release], versions: Sequence[str] | None
) -> list[str]:
    if versions is None:
        named = dict.fromkeys(release.line for release in locked.values())
        trees_of = {line: layout.tree(lock.newest(locked.values(), line)) for line in named}
        if not any(tree.exists() for tree in trees_of.values()):
            raise Failure("there is no tree to export: `make apply-patches` makes them")
        return [line for line, tree in trees_of.items() if tree.exists()]
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
    layout: Layout, locked: dict[str, Release], line: str, options: Options, *, alone: bool
) -> list[str]:
    newest = lock.newest(locked.values(), line)
    others = [] if options.to is None else _others(locked, line, options.to)
    base = _exportable(layout, locked[newest])
    _check_basis(layout, locked[newest])
    with tempfile.TemporaryDirectory(prefix=".exporting-", dir=layout.trees) as scratch:
        patches = build.exported(layout.tree(newest), base, Path(scratch) / "patches")
        if not patches:
            return [f"{line}: no commits to export from guardrails/{newest}"]
        if replace_line.same(layout.line(line), patches):
            _check_nothing_to_carry(line, options)
            return [f"{line}: unchanged ({_counted(patches)})"]
        source = carry.Source(line, layout.tree(newest), patches, Path(scratch))
        hints = carry.hints(layout, locked, source) if alone and options.to is None else []
        carried = carry.carry(layout, locked, source, others, options.sdists) if others else []
        new = {line: patches} | {made.line: made.patches for made in carried if made.patches}
        served = replace_line.replace_lines(layout, locked, new, options.sdists)
    texts = {line: _counted(patches)} | {made.line: made.text for made in carried}
    notes = [f"{made.line}: {note}" for made in carried for note in made.notes]
    return [*(_told(name, text, served.get(name)) for name, text in texts.items()), *notes, *hints]


def _check_nothing_to_carry(line: str, options: Options) -> None:
    if options.to is not None:
        raise Failure(
            f"{line}: already exported: nothing is left to carry: CARRY belongs to the first "
            f"refresh after an edit; {carry.MAKE_UP}"
        )


def _others(locked: Mapping[str, Release], line: str, to: Sequence[str]) -> list[str]:
    others = list(dict.fromkeys(r.line for r in locked.values() if r.line != line))
    if unknown := [name for name in to if name not in others]:
        raise Failure(f"no other line {', '.join(unknown)}: there is {', '.join(others)}")
    return [name for name in others if name in to or not to]


def _told(line: str, text: str, served: Sequence[str] | None) -> str:
    return f"{line}: {text}" + (f", trees rebuilt: {', '.join(served)}" if served else "")


def _counted(patches: Sequence[Path]) -> str:
    return "1 patch" if len(patches) == 1 else f"{len(patches)} patches"


def _exportable(layout: Layout, release: Release) -> str:
    tree = layout.tree(release.version)
    shown = layout.shown(tree)
    found = trees.inspect(tree)
    if not found.base:
        detail = found.detail or "is not there"
        raise Failure(f"{shown}: {detail}: `make apply-patches RELEASE={release.version}` makes it")
    if found.state is State.TOUCHED:
        raise Failure(f"{shown}: {found.detail}: commit or finish it first, then refresh")
    _check_commits(tree, shown, found.base)
    return found.base


def _check_basis(layout: Layout, release: Release) -> None:
    """An export must not undo what came into the series after the tree was built."""
    tree = layout.tree(release.version)
    patches = series.read(layout.line(release.line), allow_empty=True)
    if trees.made_from(tree) == trees.digest(release, patches):
        return
    shown = layout.shown(tree)
    raise Failure(
        f"{shown}: was built from another lock or series than there is now: save commits of your "
        f"own (`git -C {shown} format-patch …`), `make apply-patches RELEASE={release.version} "
        "FORCE=1`, and `git am` them"
    )


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
