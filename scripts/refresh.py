"""`refresh-patches`: exports a tree's commits to the series, or changes nothing at all.

What is done in a release's tree is done for that release and the older ones.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts import build, fetch, files, git, lock, patchfile, port, series, trees
from scripts.errors import Failure, PatchFailure
from scripts.layout import Layout
from scripts.lock import Release
from scripts.port import Source, Target
from scripts.replace import Change, replace
from scripts.series import Series
from scripts.trees import State

# A row of `git range-diff`: number and commit before, how they compare, the same after.
_PAIR = re.compile(r"^\s*(\d+):\s+\w+ [=!]\s+(\d+):", re.MULTILINE)


@dataclass(frozen=True)
class _Edit:
    """What was done in a release's tree.

    Attributes:
        version: The release.
        source: Its patches as they were and as they are.
        renamed: The new titles of patches that have other subjects now, by the old ones.
        titles: The titles of all patches, in their new order.
    """

    version: str
    source: Source
    renamed: Mapping[str, str]
    titles: Sequence[str]


@dataclass
class _Ported:
    """What all releases get.

    Attributes:
        wanted: What each has of the patches, newest release first.
        merged: By release the titles of the patches that were merged.
        without: By release the titles of the patches that it goes without.
    """

    wanted: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    merged: dict[str, list[str]] = field(default_factory=dict)
    without: dict[str, list[str]] = field(default_factory=dict)


def refresh(
    layout: Layout,
    locked: Mapping[str, Release],
    version: str | None = None,
    sdists: Path | None = None,
) -> list[str]:
    """Export the commits of a tree, and rebuild all releases that they reach.

    Args:
        layout: The checkout.
        locked: The lock.
        version: The release whose tree to export; by default the newest one whose tree has
            commits of its own, or else the newest.
        sdists: A folder of sdists to use instead of cache and index.

    Returns:
        Texts that say what became of it.

    Raises:
        Failure: If the tree cannot be exported as it is, or what was done does not fit an older
            release. Patches and lock are then as before, and so are the trees, but for one in
            which somebody has to go on.
    """
    with files.exclusive(layout.trees):
        trees.tidy(layout)
        made = series.load(layout.patches, locked)
        version = version or _edited(layout, made)
        _check_exportable(layout, locked[version], made)
        with tempfile.TemporaryDirectory(prefix=".exporting-", dir=layout.trees) as scratch:
            return _refreshed(layout, locked, made, version, Path(scratch), sdists)


def _edited(layout: Layout, made: Series) -> str:
    there = [v for v in reversed(made.releases) if layout.tree(v).exists()]
    if not there:
        raise Failure("there is no tree to export: `make apply-patches` makes them")
    edited = [v for v in there if not port.begun(layout.tree(v))]
    return next((v for v in edited if trees.inspect(layout.tree(v)).detail), there[0])


def _refreshed(
    layout: Layout,
    locked: Mapping[str, Release],
    made: Series,
    version: str,
    scratch: Path,
    sdists: Path | None,
) -> list[str]:
    tree, old = layout.tree(version), made.patches(version)
    patches = build.exported(tree, "upstream..HEAD", scratch / "exported")
    count = "1 patch" if len(patches) == 1 else f"{len(patches)} patches"
    if len(patches) == len(old) and not any(build.unlike(old, patches, made.own(version))):
        return [f"{version}: unchanged ({count})"]
    edit = _edit(tree, made, version, series.titled(patches))
    # A release that has just what the next newer one has may need patches of its own now.
    older = [v for v in locked if lock.order(v) < lock.order(version)]
    begun = [v for v in older if port.begun(layout.tree(v))]
    eras = {*made.eras(), version, *begun}
    while True:
        place = scratch / str(len(eras))
        try:
            ported = _ported(layout, locked, made, edit, eras, place, sdists)
            change = Change(made, edit.titles, ported.wanted, {version, *begun})
            new, rebuilt = replace(layout, locked, change, place, sdists)
        except PatchFailure as refused:
            if refused.version in eras:
                raise
            eras.add(refused.version)
        else:
            return [f"{version}: {count}", *_told(new, ported), f"rebuilt: {', '.join(rebuilt)}"]


def _edit(tree: Path, made: Series, version: str, now: Mapping[str, bytes]) -> _Edit:
    if not now:
        raise Failure(f"guardrails/{version}: has no commits to export")
    newest = made.releases[-1]
    was = made.contents(version)
    renamed = _renamed(tree, list(was), list(now)) if version == newest else {}
    source = Source(tree, {renamed.get(title, title): was[title] for title in was}, now)
    listed = [renamed.get(row.title, row.title) for row in made.rows]
    common = [title for title in listed if title in now]
    if version != newest and common != [title for title in now if title in common]:
        raise Failure(f"guardrails/{version}: the order of the patches is that of {newest}")
    return _Edit(version, source, renamed, _merged(list(now), listed))


def _renamed(tree: Path, was: Sequence[str], now: Sequence[str]) -> dict[str, str]:
    """The new titles of patches with another subject, which git knows by what they do."""
    ranges = (f"upstream..{build.EXPORTED}", "upstream..HEAD")
    compared = git.run(tree, "range-diff", "--no-color", "--no-patch", *ranges)
    pairs = [(was[int(old) - 1], now[int(new) - 1]) for old, new in _PAIR.findall(compared)]
    return {old: new for old, new in pairs if old not in now and new not in was}


def _merged(titles: list[str], listed: Sequence[str]) -> list[str]:
    """A tree's titles, and those that only others have, each after the one that it came after."""
    for at, title in enumerate(listed):
        if title not in titles:
            before = [titles.index(each) for each in listed[:at] if each in titles]
            titles.insert(before[-1] + 1 if before else 0, title)
    return titles


def _ported(
    layout: Layout,
    locked: Mapping[str, Release],
    made: Series,
    edit: _Edit,
    eras: Collection[str],
    scratch: Path,
    sdists: Path | None,
) -> _Ported:
    ported, source = _Ported(), edit.source
    for era in sorted(eras, key=lock.order, reverse=True):
        own = made.contents(era)
        if lock.order(era) < lock.order(edit.version):
            own = {edit.renamed.get(title, title): content for title, content in own.items()}
            archive = fetch.locked(locked[era], sdists)
            target = Target(locked[era], archive, made.patches(era), own)
            newer, source = source, port.port(layout, source, target, edit.titles, scratch / era)
            ported.merged[era] = list(_neither(newer, source))
            ported.without[era] = list(_missing(newer, source))
            own = source.now
        ported.wanted[era] = edit.source.now if era == edit.version else own
    return ported


def _neither(newer: Source, ported: Source) -> Iterator[str]:
    """The patches of a release that are neither its own of before nor the newer one's."""
    for title, content in ported.now.items():
        known = (newer.now.get(title), ported.was.get(title))
        if not any(patchfile.alike(content, each) for each in known if each):
            yield title


def _missing(newer: Source, ported: Source) -> Iterator[str]:
    """The patches that a release should have got."""
    for title in newer.now:
        if title not in ported.now and (title in ported.was or title not in newer.was):
            yield title


def _told(new: Series, ported: _Ported) -> Iterator[str]:
    for era, titles in ported.merged.items():
        for path in new.patches(era):
            if path.name.partition("-")[2] in titles:
                yield f"{series.shown(path)}: merged, so look at it"
    for era, titles in ported.without.items():
        yield from (f"{era}: goes without {title}" for title in titles)


def _check_exportable(layout: Layout, release: Release, made: Series) -> None:
    tree = layout.tree(release.version)
    shown = layout.shown(tree)
    found = trees.inspect(tree)
    if not found.base:
        detail = found.detail or "is not there"
        raise Failure(f"{shown}: {detail}: `make apply-patches RELEASE={release.version}` makes it")
    if found.state is State.TOUCHED:
        raise Failure(f"{shown}: {found.detail}: commit or finish it first, then refresh")
    _check_commits(tree, shown, found.base)
    trees.check_basis(layout, release, made.patches(release.version))


def _check_commits(tree: Path, shown: str, base: str) -> None:
    if git.run(tree, "rev-parse", "upstream^{commit}").strip() != base:
        raise Failure(f"{shown}: its tag upstream was moved: `git -C {shown} tag -f upstream {base}`")
    if git.attempt(tree, "merge-base", "--is-ancestor", base, "HEAD").returncode:
        raise Failure(f"{shown}: its commits do not start at the tag upstream: rebase onto it")
    if git.run(tree, "rev-list", "--merges", f"{base}..HEAD"):
        raise Failure(f"{shown}: has a merge commit: a series is a line of commits, so rebase it")
    subjects = git.run(tree, "log", "--format=%s", f"{base}..HEAD").splitlines()
    if any(subject.startswith(("fixup!", "squash!", "amend!")) for subject in subjects):
        raise Failure(
            f"{shown}: has fixup commits: run `git -C {shown} rebase -i --autosquash upstream`"
        )
