"""`apply-patches`: makes the vendored trees what the lock and the series say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import build, errors, fetch, files, parallel, series, trees
from scripts.errors import Failure
from scripts.layout import Layout
from scripts.lock import Release
from scripts.series import Series
from scripts.trees import Finding, State


@dataclass(frozen=True)
class Options:
    """Whether to rebuild whatever stands there, losing edits, and where to take sdists from."""

    force: bool = False
    sdists: Path | None = None


@dataclass(frozen=True)
class _Job:
    """A tree to build from an sdist, and whether edits are lost."""

    release: Release
    archive: tuple[str, bytes]
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

    Raises:
        Failure: If the series is not sound.
    """
    with files.exclusive(layout.trees):
        trees.tidy(layout)
        made = series.load(layout.patches, locked)
        releases = [locked[version] for version in versions]
        looks = parallel.each(lambda each: _look(layout, each, made, options), releases)
        # One download after the other; the trees are then built at the same time.
        jobs = [
            look if isinstance(look, Outcome) else _job(layout, release, look, options)
            for release, look in zip(releases, looks, strict=True)
        ]
        return parallel.each(lambda job: _done(layout, job, made), jobs)


def _look(layout: Layout, release: Release, made: Series, options: Options) -> Finding | Outcome:
    patches = made.patches(release.version)
    try:
        found = trees.inspect(layout.tree(release.version), trees.digest(release, patches))
    except (Failure, OSError) as error:
        return Outcome(release.version, failure=_text(release.version, error))
    if found.state is State.CURRENT and not options.force:
        return Outcome(release.version, len(patches), "up to date")
    return found


def _job(layout: Layout, release: Release, look: Finding, options: Options) -> Outcome | _Job:
    version = release.version
    if look.detail and not options.force:
        return Outcome(version, failure=_touched(layout, version, look))
    try:
        archive = fetch.locked(release, options.sdists)
    except (Failure, OSError) as error:
        return Outcome(version, failure=_text(version, error))
    return _Job(release, archive, edited=bool(look.detail))


def _done(layout: Layout, job: Outcome | _Job, made: Series) -> Outcome:
    if isinstance(job, Outcome):
        return job
    version = job.release.version
    try:
        _replace(layout, job, made)
    except (Failure, OSError) as error:
        return Outcome(version, failure=_text(version, error))
    done = "rebuilt, edits lost" if job.edited else "built"
    return Outcome(version, len(made.patches(version)), done)


def _replace(layout: Layout, job: _Job, made: Series) -> None:
    release, version = job.release, job.release.version
    patches = made.patches(version)
    place = layout.building(version)
    built = build.build(place, version, job.archive, patches, made.own(version))
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
