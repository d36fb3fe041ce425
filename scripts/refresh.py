"""`refresh-patches`: exports a tree's commits to the series, or changes nothing at all.

What is done in a release's tree is done for that release and the older ones.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import build, desk, git, lock, port, series, trees
from scripts.desk import Desk
from scripts.errors import Failure, PatchFailure
from scripts.layout import Layout
from scripts.lock import Release
from scripts.port import Source
from scripts.replace import Change, replace
from scripts.series import Series, Wanted
from scripts.trees import State

# A row of `git range-diff`: number and commit before, how they compare, the same after.
_PAIR = re.compile(r"^\s*(\d+):\s+\w+ [=!]\s+(\d+):", re.MULTILINE)
# A release, the one that its patches were ported from, and itself.
_Step = tuple[str, Source, Source]


@dataclass(frozen=True)
class _Edit:
    """What was done in a release's tree: which titles are others now, and all titles in order."""

    version: str
    source: Source
    renamed: Mapping[str, str]
    titles: Sequence[str]


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
    with desk.opened(layout, locked, sdists) as opened:
        version = version or _edited(layout, opened.made)
        _check_exportable(layout, locked[version], opened.made)
        return _refreshed(opened, version)


def _edited(layout: Layout, made: Series) -> str:
    there = [v for v in reversed(made.releases) if layout.tree(v).exists()]
    if not there:
        raise Failure("there is no tree to export: `make apply-patches` makes them")
    own = [v for v in there if not port.begun(layout.tree(v))]
    return next((v for v in own if trees.inspect(layout.tree(v)).detail), there[0])


def _refreshed(at: Desk, version: str) -> list[str]:
    old = at.made.patches(version)
    patches = build.exported(at.layout.tree(version), "upstream..HEAD", at.scratch / "exported")
    count = "1 patch" if len(patches) == 1 else f"{len(patches)} patches"
    if len(patches) == len(old) and not any(build.unlike(old, patches, at.made.own(version))):
        return [f"{version}: unchanged ({count})"]
    edit = _edit(at, version, series.titled(patches))
    older = [v for v in at.locked if lock.order(v) < lock.order(version)]
    begun = [v for v in older if port.begun(at.layout.tree(v))]
    eras = {*at.made.eras(), version, *begun}
    while True:
        here = at.within(str(len(eras)))
        try:
            wanted, steps = _ported(here, edit, eras)
            new, rebuilt = replace(here, Change(edit.titles, wanted, {version, *begun}))
        except PatchFailure as refused:
            if refused.version in eras:
                raise
            # It had just what the next newer one has, and now needs something of its own.
            eras.add(refused.version)
        else:
            texts = [text for step in steps for text in port.told(new, *step)]
            return [f"{version}: {count}", *texts, f"rebuilt: {', '.join(rebuilt)}"]


def _edit(at: Desk, version: str, now: Mapping[str, bytes]) -> _Edit:
    if not now:
        raise Failure(f"guardrails/{version}: has no commits to export")
    tree, newest = at.layout.tree(version), at.made.releases[-1]
    was = at.made.contents(version)
    renamed = _renamed(tree, list(was), list(now)) if version == newest else {}
    source = Source(tree, {renamed.get(title, title): was[title] for title in was}, now)
    listed = [renamed.get(row.title, row.title) for row in at.made.rows]
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


def _ported(at: Desk, edit: _Edit, eras: Collection[str]) -> tuple[Wanted, list[_Step]]:
    """What releases are to have, from the newest to the oldest, each ported from the one before."""
    wanted: dict[str, Mapping[str, bytes]] = {}
    steps: list[_Step] = []
    source = edit.source
    for era in sorted(eras, key=lock.order, reverse=True):
        wanted[era] = source.now if era == edit.version else at.made.contents(era)
        if lock.order(era) < lock.order(edit.version):
            own = {edit.renamed.get(title, title): text for title, text in wanted[era].items()}
            ported = port.port(at.within(era), source, era, own, edit.titles)
            steps.append((era, source, ported))
            wanted[era], source = ported.now, ported
    return wanted, steps


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
        raise Failure(f"{shown}: its tag upstream was moved: put it back on {base}")
    if git.attempt(tree, "merge-base", "--is-ancestor", base, "HEAD").returncode:
        raise Failure(f"{shown}: its commits do not start at the tag upstream: rebase onto it")
    if git.run(tree, "rev-list", "--merges", f"{base}..HEAD"):
        raise Failure(f"{shown}: has a merge commit: a series is a line of commits, so rebase it")
    subjects = git.run(tree, "log", "--format=%s", f"{base}..HEAD").splitlines()
    if any(subject.startswith(("fixup!", "squash!", "amend!")) for subject in subjects):
        raise Failure(
            f"{shown}: has fixup commits: run `git -C {shown} rebase -i --autosquash upstream`"
        )
