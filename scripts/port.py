"""Ports what was done to one release's patches to another release, by `git am -3` in its tree.

Where it stops, that tree is left in its place, in the middle of `git am`. Once somebody has gone on
there to the end, its commits are taken as they are.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scripts import build, files, fit, git, patchfile, series, trees
from scripts.desk import Desk
from scripts.errors import Failure
from scripts.series import Series

# What a tree is ported from: the release as published, its patches as they were and as they are.
_BASE, _OLD, _NEW = "refs/source/base", "refs/source/old", "refs/source/new"
# Those that were there may be another release's: one in between may have come since.
_OLD_BASE = "refs/source/old-base"
_PATCHES = "upstream..HEAD"
_EDIT = "edit"


@dataclass(frozen=True)
class Source:
    """A release's tree, and its patches by title, as they were and as they are.

    The tag `exported` has the commits of the ones, HEAD those of the others, in their order.
    """

    folder: Path
    was: Mapping[str, bytes]
    now: Mapping[str, bytes]


def port(
    desk: Desk, source: Source, version: str, own: Mapping[str, bytes], titles: Sequence[str]
) -> Source:
    """Give a release what was done to another one's patches.

    Args:
        desk: The checkout; nothing in it changes, but for the release's tree if it stops.
        source: The other release.
        version: The release.
        own: Its patches as they are, by the titles that they have now; none for a new release.
        titles: The titles of all patches, in their new order.

    Raises:
        Failure: If it stops, or has stopped before and nobody has gone on.
    """
    place, mine = desk.scratch / "tree", own
    patches = desk.made.patches(version) if own else []
    if begun(desk.layout.tree(version)):
        source, mine = _taken_up(desk, source, version, patches)
    else:
        trees.check_untouched(desk.layout, [version])
        built = build.build(place, version, desk.archive(version), patches)
        trees.mark(built, trees.digest(desk.locked[version], patches))
    if _commit(place, _NEW) != _commit(source.folder, "HEAD"):
        _fetch(place, source.folder)
        _apply(desk, version, list(_queue(desk, source, mine, titles)))
    now = _exported(place, _PATCHES, desk.scratch / "now")
    if odd := [title for title in now if title not in titles]:
        raise Failure(f"guardrails/{version}: {odd[0]} is none of the series: drop or rename it")
    return Source(place, own, now)


def told(made: Series, version: str, source: Source, ported: Source) -> Iterator[str]:
    """What somebody should look at in a release that was ported from another one."""
    for path, (title, now) in zip(
        made.patches(version), made.contents(version).items(), strict=True
    ):
        known = (source.now.get(title), ported.was.get(title))
        if not any(patchfile.alike(now, each) for each in known if each):
            yield f"{series.shown(path)}: merged, so look at it"
    for title in source.now:
        if title not in ported.now and (title in ported.was or title not in source.was):
            yield f"{version}: goes without {title}"


def begun(tree: Path) -> bool:
    """Whether a release's tree stands in the middle of a port, or at its end."""
    return (tree / ".git").is_dir() and bool(_commit(tree, _NEW))


def _taken_up(
    desk: Desk, source: Source, version: str, patches: Sequence[Path]
) -> tuple[Source, Mapping[str, bytes]]:
    """Goes on from a tree in which somebody has brought a port to its end."""
    tree, place = desk.layout.tree(version), desk.scratch / "tree"
    found = trees.inspect(tree)
    if found.state is trees.State.TOUCHED:
        raise Failure(f"guardrails/{version}: {found.detail}: {_advice(version)}")
    trees.check_basis(desk.layout, desk.locked[version], patches)
    shutil.copytree(tree, place, symlinks=True)
    _squash(place)
    # The other release may have been edited once more since then.
    was = _exported(place, f"{_BASE}..{_NEW}", desk.scratch / "was")
    return replace(source, was=was), _exported(place, _PATCHES, desk.scratch / "mine")


def _fetch(place: Path, folder: Path) -> None:
    was, base = _commit(place, _NEW), _commit(place, f"{_BASE}^{{commit}}")
    refs = (f"+refs/tags/upstream:{_BASE}", f"+{build.EXPORTED}:{_OLD}", f"+HEAD:{_NEW}")
    git.run(place, "fetch", "-q", "--no-tags", str(folder.resolve()), *refs)
    if was:
        # The last port was from there.
        git.run(place, "update-ref", _OLD, was)
    git.run(place, "update-ref", _OLD_BASE, base if was else _commit(place, f"{_BASE}^{{commit}}"))


def _queue(
    desk: Desk, source: Source, own: Mapping[str, bytes], titles: Sequence[str]
) -> Iterator[Path]:
    """The patches to apply: the other release's, or the release's own and what was edited in it."""
    for number, title in enumerate(titles, start=1):
        mine, was, now = own.get(title), source.was.get(title), source.now.get(title)
        name, edits = f"{number:04d}-{title}", b""
        if mine and was and now and not patchfile.alike(mine, was):
            edits = b"" if patchfile.alike(was, now) else _edits(desk, source, title)
            mine = _with_mail(mine, was, now)
        elif now and (mine or not was):
            # What both had alike, and what is new; not what only the other release had.
            mine = now
        elif was:
            mine = None
        for folder, content in (("queue", mine), (_EDIT, edits)):
            if content:
                path = desk.scratch / folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                yield path


def _with_mail(mine: bytes, was: bytes, now: bytes) -> bytes:
    """A release's own patch with the date and subject of now, and the text, if it was the same."""
    own, old, new = (patchfile.halves(each)[0].partition(b"\n\n") for each in (mine, was, now))
    body = new[2] if own[2] == old[2] else own[2]
    return new[0] + b"\n\n" + body + patchfile.halves(mine)[1]


def _edits(desk: Desk, source: Source, title: str) -> bytes:
    """What was edited in a patch, as a fixup; empty if it is nothing.

    It is what makes the commit of the one that the patch as it was would make in its place.
    """
    place = desk.scratch / "tree"
    was = _commits(place, f"{_OLD_BASE}..{_OLD}", source.was)[title]
    now = _commits(place, f"{_BASE}..{_NEW}", source.now)[title]
    git.run(place, "checkout", "-q", "--detach", f"{now}^")
    # Where it conflicts there, somebody has mended it, and that is a part of the edit.
    pick = ("cherry-pick", "--allow-empty", "--keep-redundant-commits", "-X", "theirs", was)
    if git.attempt(place, *pick).returncode:
        # A file came or went: only as a whole, then.
        git.run(place, "add", "-A", "-f")
        git.run(place, "commit", "-q", "--allow-empty", "--no-edit", "--no-verify")
    if not git.run(place, "diff", "--name-only", now):
        return b""
    message = git.run(place, "log", "-1", "--format=fixup! %s", now).strip()
    tree = ("commit-tree", f"{now}^{{tree}}", "-p", "HEAD", "-m", message)
    commits = f"HEAD..{git.run(place, *tree).strip()}"
    return build.exported(place, commits, desk.scratch / "edits" / title)[0].read_bytes()


def _commits(place: Path, span: str, titles: Iterable[str]) -> dict[str, str]:
    commits = git.run(place, "rev-list", "--reverse", span).split()
    return dict(zip(titles, commits, strict=True))


def _apply(desk: Desk, version: str, queue: Sequence[Path]) -> None:
    place = desk.scratch / "tree"
    git.run(place, "checkout", "-q", "context")
    git.run(place, "reset", "-q", "--hard", "upstream")
    done = git.attempt(place, *build.AM, "--3way", "--", *map(str, queue))
    if done.returncode:
        stopped = build.stopped_at(place, queue)
        # Where nothing could be merged there is no conflict.
        refused = build.refusal(stopped, done.stderr.decode("utf-8", "replace"))
        where = next(iter(fit.conflicts(place).values()), refused)
        what = "what was edited in " * (stopped.parent.name == _EDIT) + stopped.name
        files.swap_in([(place, desk.layout.tree(version))])
        raise Failure(f"guardrails/{version}: {what} conflicts: {where}: {_advice(version)}")
    _squash(place)


def _advice(version: str) -> str:
    there = f"git -C guardrails/{version}"
    return (
        f"mend it there, `{there} add -A`, `{there} am --continue` (`am --skip` leaves it out), "
        "and run this again"
    )


def _squash(place: Path) -> None:
    """Puts what was edited into its patch; each edit comes right after its patch already."""
    quiet = ("-c", "sequence.editor=:", "rebase", "-q", "--interactive", "--autosquash", "upstream")
    git.run(place, *quiet)
    subjects = git.run(place, "log", "--format=%s", _PATCHES).splitlines()
    if left := [subject for subject in subjects if subject.startswith("fixup! ")]:
        raise Failure(
            f"{left[0]!r} has no commit to go into: drop it with `git rebase -i upstream`"
        )


def _exported(place: Path, commits: str, output: Path) -> dict[str, bytes]:
    return series.titled(build.exported(place, commits, output))


def _commit(tree: Path, name: str) -> str:
    return git.attempt(tree, "rev-parse", "--verify", "--quiet", name).stdout.decode().strip()
