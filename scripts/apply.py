"""`apply-patches`: makes the vendored trees what the lock and the series say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import build, errors, fetch, files, lock, parallel, series, trees
from scripts.errors import Failure
from scripts.layout import Layout
from scripts.lock import Release
from scripts.trees import Finding, State


@dataclass(frozen=True)
class Options:
    """How to apply.

    Attributes:
        force: Rebuild whatever stands there, losing edits.
        allow_empty: Accept a line that has no patches yet.
        sdists: A folder of sdists to use instead of cache and index.
    """

    force: bool = False
    allow_empty: bool = False
    sdists: Path | None = None


@dataclass(frozen=True)
class _Job:
    """A tree to build.

    Attributes:
        release: The lock's entry.
        archive: The sdist's file name and content.
        exact: Whether the release is its line's newest.
        edited: Whether edits are lost.
    """

    release: Release
    archive: tuple[str, bytes]
    exact: bool
    edited: bool


@dataclass(frozen=True)
class Outcome:
    """What became of one release.

    Attributes:
        version: The release.
        patches: How many patches its tree has.
        done: What was done, in a word or two; empty after a failure.
        failure: What went wrong; empty if nothing.
    """

    version: str
    patches: int = 0
    done: str = ""
    failure: str = ""


def apply(
    layout: Layout, locked: Mapping[str, Release], versions: Sequence[str], options: Options
) -> list[Outcome]:
    """Bring the trees of some releases up to date; one that fails does not stop the others.

    Args:
        layout: The checkout.
        locked: The lock.
        versions: The releases to look after.
        options: How.
    """
    with files.exclusive(layout.trees):
        trees.tidy(layout)
        looks = parallel.each(
            lambda version: _look(layout, locked[version], options), list(versions)
        )
        # One download after the other; the trees are then built at the same time.
        jobs = [
            look if isinstance(look, Outcome) else _job(layout, locked, version, look, options)
            for version, look in zip(versions, looks, strict=True)
        ]
        return parallel.each(lambda job: _done(layout, job, options), jobs)


def _look(layout: Layout, release: Release, options: Options) -> Finding | Outcome:
    try:
        patches = series.read(layout.line(release.line), allow_empty=options.allow_empty)
        return trees.inspect(layout.tree(release.version), trees.digest(release, patches))
    except (Failure, OSError) as error:
        return Outcome(release.version, failure=_text(release.version, error))


def _job(
    layout: Layout, locked: Mapping[str, Release], version: str, look: Finding, options: Options
) -> Outcome | _Job:
    release = locked[version]
    count = len(series.names(layout.line(release.line)))
    if look.state is State.CURRENT and not options.force:
        return Outcome(version, count, "up to date")
    if look.detail and not options.force:
        return Outcome(version, failure=_touched(layout, version, look))
    try:
        archive = fetch.locked(release, options.sdists)
    except (Failure, OSError) as error:
        return Outcome(version, failure=_text(version, error))
    exact = lock.newest(locked.values(), release.line) == version
    return _Job(release, archive, exact, edited=bool(look.detail))


def _done(layout: Layout, job: Outcome | _Job, options: Options) -> Outcome:
    if isinstance(job, Outcome):
        return job
    version = job.release.version
    try:
        patches = series.read(layout.line(job.release.line), allow_empty=options.allow_empty)
        _replace(layout, job, patches)
    except (Failure, OSError) as error:
        return Outcome(version, failure=_text(version, error))
    return Outcome(version, len(patches), "rebuilt, edits lost" if job.edited else "built")


def _replace(layout: Layout, job: _Job, patches: Sequence[Path]) -> None:
    release, version = job.release, job.release.version
    place = layout.building(version)
    built = build.build(place, version, job.archive, patches, exact=job.exact)
    try:
        if built.tree != release.tree:
            raise Failure(
                f"{version}: the patched tree is {built.tree}, the lock says {release.tree}: "
                f"if the patches are right, run `make lock RELEASE={version}`"
            )
        trees.mark(built, trees.digest(release, patches))
        files.swap_in([(built.folder, layout.tree(version))])
    finally:
        files.remove(built.folder)


def _touched(layout: Layout, version: str, look: Finding) -> str:
    tree = layout.shown(layout.tree(version))
    keep = f"`make refresh-patches RELEASE={version}` exports commits, " if look.base else ""
    lose = f"`make apply-patches RELEASE={version} FORCE=1` starts afresh"
    return f"{tree}: {look.detail}: left alone: {keep}{lose}"


def _text(version: str, error: Failure | OSError) -> str:
    if isinstance(error, Failure):
        return str(error)
    return f"{version}: {errors.reason(error)}"
