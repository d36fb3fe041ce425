"""`check-patches`: lints every line, and rebuilds every tree from it in a scratch folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from scripts import build, fetch, lint, lock, parallel, series, topics
from scripts.errors import Failure, PatchFailure
from scripts.layout import Layout
from scripts.lock import Release


def check(
    layout: Layout, locked: Mapping[str, Release], versions: Sequence[str], sdists: Path | None
) -> list[str]:
    """Check the patch lines of some releases.

    Args:
        layout: The checkout.
        locked: The lock.
        versions: The releases to check.
        sdists: A folder of sdists to use instead of cache and index.

    Returns:
        Every problem, one text each: where, what, and what to do.
    """
    lines = list(dict.fromkeys(locked[version].line for version in versions))
    # Where series and files disagree there is nothing sound to build.
    sound = {line for line in lines if not series.problems(layout.line(line))}
    work: list[Callable[[], Iterator[str]]] = [partial(_unused, layout, locked)]
    work += [partial(_line, layout, line) for line in lines]
    work += [
        partial(_release, layout, locked, version, _archive(locked[version], sdists))
        for version in versions
        if locked[version].line in sound
    ]
    return [text for texts in parallel.each(lambda part: list(part()), work) for text in texts]


def _unused(layout: Layout, locked: Mapping[str, Release]) -> Iterator[str]:
    used = {release.line for release in locked.values()}
    for folder in sorted(path for path in layout.patches.glob("*") if path.is_dir()):
        if folder.name not in used:
            yield f"{layout.shown(folder)}: no release in the lock uses it: lock one or delete it"


def _line(layout: Layout, line: str) -> Iterator[str]:
    folder = layout.line(line)
    for problem in series.problems(folder):
        yield problem.replace(str(folder), layout.shown(folder))
    empty = series.empties(folder)
    numbered = [
        (number, folder / name)
        for number, name in enumerate(series.names(folder), start=1)
        if (folder / name).exists() and name not in empty
    ]
    read = topics.read([path for _, path in numbered])
    for (number, path), patch in zip(numbered, read, strict=True):
        for text in lint.lint(path, patch.said, number):
            yield f"{layout.shown(path)}: {text}"
    for text in topics.problems(topics.of(read)):
        yield f"{layout.shown(folder)}: {text}"


def _archive(release: Release, sdists: Path | None) -> tuple[str, bytes] | Failure:
    try:
        return fetch.locked(release, sdists)
    except Failure as failure:
        return failure


def _release(
    layout: Layout,
    locked: Mapping[str, Release],
    version: str,
    archive: tuple[str, bytes] | Failure,
) -> Iterator[str]:
    if isinstance(archive, Failure):
        yield str(archive)
        return
    release = locked[version]
    patches = series.read(layout.line(release.line))
    exact = lock.newest(locked.values(), release.line) == version
    with tempfile.TemporaryDirectory(prefix="check-patches-") as scratch:
        try:
            built = build.build(Path(scratch, "tree"), version, archive, patches, exact=exact)
            if built.tree != release.tree:
                yield (
                    f"{layout.shown(layout.lock)}: {version}: its patched tree is {built.tree}, "
                    f"the lock says {release.tree}: run `make lock RELEASE={version}`"
                )
            if exact:
                yield from _round_trip(layout, built, patches, Path(scratch, "export"))
        except PatchFailure as failure:
            yield failure.problem
        except Failure as failure:
            yield str(failure)


def _round_trip(
    layout: Layout, built: build.Built, patches: Sequence[Path], output: Path
) -> Iterator[str]:
    exported = build.exported(built.folder, built.base, output)
    for patch, again in zip(patches, exported, strict=True):
        if patch.name != again.name:
            yield f"{layout.shown(patch)}: an export names it {again.name}: rename it"
        elif patch.read_bytes() != again.read_bytes():
            yield f"{layout.shown(patch)}: an export of its tree differs: run refresh-patches"
