"""`check-patches`: lints the series, and rebuilds every tree from it in a scratch folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from scripts import build, fetch, lint, parallel, series, topics
from scripts.errors import Failure, PatchFailure
from scripts.layout import Layout
from scripts.lock import Release
from scripts.series import Series


def check(
    layout: Layout, locked: Mapping[str, Release], versions: Sequence[str], sdists: Path | None
) -> list[str]:
    """Check the series, and the trees of some releases.

    Args:
        layout: The checkout.
        locked: The lock.
        versions: The releases to build.
        sdists: A folder of sdists to use instead of cache and index.

    Returns:
        Every problem, one text each: where, what, and what to do.
    """
    made = series.parsed(layout.patches, locked)
    unsound = list(series.problems(made))
    work: list[Callable[[], Iterator[str]]] = [partial(_lint, made)]
    # Where series and files disagree there is nothing sound to build.
    for version in versions if not unsound else ():
        archive = _archive(locked[version], sdists)
        work.append(partial(_release, layout, locked[version], made, archive))
    return unsound + [t for texts in parallel.each(lambda part: list(part()), work) for t in texts]


def _lint(made: Series) -> Iterator[str]:
    numbers = {row.name: number for number, row in enumerate(made.rows, start=1)}
    sound = [path for path in sorted(made.folder.rglob("*.patch")) if path.read_bytes().strip()]
    read = {patch.path: patch for patch in topics.read(sound) if patch.path.name in numbers}
    for path, patch in read.items():
        for text in lint.lint(path, patch.said, numbers[path.name]):
            yield f"{series.shown(path)}: {text}"
    lists = [[read[p] for p in made.patches(v) if p in read] for v in reversed(made.releases)]
    yield from dict.fromkeys(text for each in lists for text in topics.problems(topics.of(each)))


def _archive(release: Release, sdists: Path | None) -> tuple[str, bytes] | Failure:
    try:
        return fetch.locked(release, sdists)
    except Failure as failure:
        return failure


def _release(
    layout: Layout, release: Release, made: Series, archive: tuple[str, bytes] | Failure
) -> Iterator[str]:
    if isinstance(archive, Failure):
        yield str(archive)
        return
    version, own = release.version, made.own(release.version)
    patches = made.patches(version)
    with tempfile.TemporaryDirectory(prefix="check-patches-") as scratch:
        try:
            built = build.build(Path(scratch, "tree"), version, archive, patches, own)
            exported = build.exported(built.folder, "upstream..HEAD", Path(scratch, "exported"))
            unlike = list(build.unlike(patches, exported, own))
            yield from (_otherwise(version, patch, again) for patch, again in unlike)
            if built.tree != release.tree and not unlike:
                yield (
                    f"{layout.shown(layout.lock)}: {version}: its patched tree is {built.tree}, "
                    f"the lock says {release.tree}: run `make lock RELEASE={version}`"
                )
        except PatchFailure as failure:
            yield failure.problem
        except Failure as failure:
            yield str(failure)


def _otherwise(version: str, patch: Path, again: Path) -> str:
    title = again.name.partition("-")[2]
    if patch.name.partition("-")[2] != title:
        return f"{series.shown(patch)}: an export names it …-{title}: rename it"
    return f"{series.shown(patch)}: an export of {version} differs: run refresh-patches"
