"""Ports what was done to one release's patches to another release, by `git am -3` in a tree.

Where it stops, the tree is left in its place in the middle of `git am`. Once somebody has gone on
there to the end, its commits are taken as they are.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scripts import build, files, git, patchfile, series, trees
from scripts.errors import Failure
from scripts.layout import Layout
from scripts.lock import Release

# What a tree is ported from: the release as published, its patches as they were and as they are.
_BASE, _OLD, _NEW = "refs/source/base", "refs/source/old", "refs/source/new"
_EDIT = "edit"


@dataclass(frozen=True)
class Source:
    """A release whose patches were changed.

    Attributes:
        folder: Its tree; the tag `exported` has the patches as they were, HEAD as they are.
        was: The patches as they were, by title, in the order of the commits.
        now: The patches as they are.
    """

    folder: Path
    was: Mapping[str, bytes]
    now: Mapping[str, bytes]


@dataclass(frozen=True)
class Target:
    """A release to bring along.

    Attributes:
        release: The lock's entry.
        archive: Its sdist's file name and content.
        patches: Its patches as they are.
        own: Their contents, by the titles that the patches have now.
    """

    release: Release
    archive: tuple[str, bytes]
    patches: Sequence[Path]
    own: Mapping[str, bytes]


def port(
    layout: Layout, source: Source, target: Target, titles: Sequence[str], scratch: Path
) -> Source:
    """Give a release what was done to another one's patches.

    Args:
        layout: The checkout; nothing in it changes, but for the tree where it stops.
        source: The other release.
        target: The release.
        titles: The titles of all patches, in their new order.
        scratch: A folder, to be made, beside the trees.

    Returns:
        The release with its patches as they were and as they are, in a tree in the folder.

    Raises:
        Failure: If it stops, or has stopped before and nobody has gone on.
    """
    version, place = target.release.version, scratch / "tree"
    if begun(layout.tree(version)):
        source, own = _taken_up(layout, source, target, scratch)
    else:
        trees.check_untouched(layout, [version])
        made = build.build(place, version, target.archive, target.patches)
        trees.mark(made, trees.digest(target.release, target.patches))
        own = target.own
    if _commit(place, _NEW) != _commit(source.folder, "HEAD"):
        _fetch(place, source.folder)
        _apply(layout, version, place, _queue(place, source, own, titles, scratch))
    now = _exported(place, "upstream..HEAD", scratch / "exported")
    if odd := [title for title in now if title not in titles]:
        raise Failure(f"guardrails/{version}: {odd[0]} is no patch of the series: drop or rename it")
    return Source(place, target.own, now)


def begun(tree: Path) -> bool:
    """Whether a release's tree stands in the middle of a port, or at its end."""
    return (tree / ".git").is_dir() and bool(_commit(tree, _NEW))


def _taken_up(
    layout: Layout, source: Source, target: Target, scratch: Path
) -> tuple[Source, Mapping[str, bytes]]:
    """Goes on from a tree in which somebody has brought a port to its end."""
    tree, place = layout.tree(target.release.version), scratch / "tree"
    found = trees.inspect(tree)
    if found.state is trees.State.TOUCHED:
        raise Failure(f"{layout.shown(tree)}: {found.detail}: {_advice(layout.shown(tree))}")
    trees.check_basis(layout, target.release, target.patches)
    shutil.copytree(tree, place, symlinks=True)
    _squash(place)
    own = _exported(place, "upstream..HEAD", scratch / "own")
    # The other release may have been edited once more since then.
    was = _exported(place, f"{_BASE}..{_NEW}", scratch / "was")
    return replace(source, was=was), own


def _fetch(place: Path, folder: Path) -> None:
    was = _commit(place, _NEW)
    refs = (f"+refs/tags/upstream:{_BASE}", f"+{build.EXPORTED}:{_OLD}", f"+HEAD:{_NEW}")
    git.run(place, "fetch", "-q", "--no-tags", str(folder.resolve()), *refs)
    if was:
        # The last port was from there.
        git.run(place, "update-ref", _OLD, was)


def _queue(
    place: Path,
    source: Source,
    own: Mapping[str, bytes],
    titles: Sequence[str],
    scratch: Path,
) -> Iterator[Path]:
    """The patches to apply: the other release's, the release's own, and what was edited in it."""
    for number, title in enumerate(titles, start=1):
        mine, was, now = own.get(title), source.was.get(title), source.now.get(title)
        edits: Sequence[Path] | None = ()
        if mine and was and now and not patchfile.alike(mine, was):
            mine = _with_mail(mine, was, now)
            if not patchfile.alike(was, now):
                edits = _edits(place, source, title, scratch / _EDIT / title)
        elif now:
            # What both had alike, and what is new; not what only the other release had.
            mine = now if mine or not was else None
        elif was:
            mine = None
        # Where the edit cannot be told from what was there, all of the patch is merged anew.
        content = now if edits is None else mine
        if content:
            yield _written(scratch / "queue" / f"{number:04d}-{title}", content)
        for edit in edits or ():
            yield _written(scratch / "queue" / _EDIT / f"{number:04d}-{title}", edit.read_bytes())


def _with_mail(mine: bytes, was: bytes, now: bytes) -> bytes:
    """A release's own patch with the author, date and subject, and if it had it the text, of now."""
    own, old, new = (patchfile.halves(each)[0].partition(b"\n\n") for each in (mine, was, now))
    body = new[2] if own[2] == old[2] else own[2]
    return new[0] + b"\n\n" + body + patchfile.halves(mine)[1]


def _edits(place: Path, source: Source, title: str, output: Path) -> list[Path] | None:
    """What was edited in a patch, as a fixup: none if it is the same, None if it cannot be told.

    It is what makes the commit from the one that the patch as it was would make in its place.
    """
    was, now = (_commits(place, ref, each)[title] for ref, each in ((_OLD, source.was), (_NEW, source.now)))
    git.run(place, "checkout", "-q", "--detach", f"{now}^")
    # Where it conflicts there, somebody has mended it, which is a part of the edit.
    pick = ("cherry-pick", "--allow-empty", "--keep-redundant-commits", "-X", "theirs", was)
    if git.attempt(place, *pick).returncode:
        git.run(place, "cherry-pick", "--abort")
        return None
    if not git.run(place, "diff", "--name-only", now):
        return []
    message = git.run(place, "log", "-1", "--format=fixup! %s", now).strip()
    tree = ("commit-tree", f"{now}^{{tree}}", "-p", "HEAD", "-m", message)
    return build.exported(place, f"HEAD..{git.run(place, *tree).strip()}", output)


def _commits(place: Path, ref: str, titles: Iterable[str]) -> dict[str, str]:
    commits = git.run(place, "rev-list", "--reverse", f"{_BASE}..{ref}").split()
    return dict(zip(titles, commits, strict=True))


def _apply(layout: Layout, version: str, place: Path, queue: Iterator[Path]) -> None:
    paths = list(queue)
    git.run(place, "checkout", "-q", "context")
    git.run(place, "reset", "-q", "--hard", "upstream")
    done = git.attempt(place, *build.AM, "--3way", "--", *map(str, paths))
    if done.returncode:
        stopped = build.stopped_at(place, paths)
        where = _conflict(place) or build.refusal(stopped, done.stderr.decode("utf-8", "replace"))
        what = "what was edited in " * (stopped.parent.name == _EDIT) + stopped.name
        tree = layout.shown(layout.tree(version))
        files.swap_in([(place, layout.tree(version))])
        raise Failure(f"{tree}: {what} conflicts: {where}: {_advice(tree)}")
    _squash(place)


def _conflict(place: Path) -> str:
    """Where the first conflict is; empty if there is nothing that could be merged."""
    for path in git.run(place, "diff", "--name-only", "--diff-filter=U").splitlines():
        rows = (place / path).read_bytes().splitlines() if (place / path).is_file() else []
        lines = [number for number, row in enumerate(rows, start=1) if row.startswith(b"<<<<<<<")]
        return f"{path}: hunk 1 of {len(lines)} (line {lines[0]})" if lines else path
    return ""


def _advice(tree: str) -> str:
    return (
        f"mend it there, `git -C {tree} add -A`, `git -C {tree} am --continue` "
        "(`am --skip` leaves it out), and run this again"
    )


def _squash(place: Path) -> None:
    """Puts what was edited into its patch; each edit comes right after its patch already."""
    quiet = ("-c", "sequence.editor=:", "rebase", "-q", "--interactive", "--autosquash", "upstream")
    git.run(place, *quiet)
    subjects = git.run(place, "log", "--format=%s", "upstream..HEAD").splitlines()
    if left := [subject for subject in subjects if subject.startswith("fixup! ")]:
        raise Failure(f"{place.name}: {left[0]!r} has no commit to go into: drop it")


def _exported(place: Path, commits: str, output: Path) -> dict[str, bytes]:
    return series.titled(build.exported(place, commits, output))


def _written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _commit(tree: Path, name: str) -> str:
    return git.attempt(tree, "rev-parse", "--verify", "--quiet", name).stdout.decode().strip()
