"""`apply-patches`: makes the vendored trees what the lock and the series say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scripts import build, fetch, files, lock, series, trees
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
        with ThreadPoolExecutor() as pool:
            looks = list(
                pool.map(lambda version: _look(layout, locked[version], options), versions)
            )
        return [
            look if isinstance(look, Outcome) else _bring(layout, locked, version, look, options)
            for version, look in zip(versions, looks, strict=True)
        ]


def _look(layout: Layout, release: Release, options: Options) -> Finding | Outcome:
    try:
        patches = series.read(layout.line(release.line), allow_empty=options.allow_empty)
        return trees.inspect(layout.tree(release.version), trees.digest(release, patches))
    except (Failure, OSError) as error:
        return Outcome(release.version, failure=_text(release.version, error))


def _bring(
    layout: Layout, locked: Mapping[str, Release], version: str, look: Finding, options: Options
) -> Outcome:
    count = len(series.names(layout.line(locked[version].line)))
    if look.state is State.CURRENT and not options.force:
        return Outcome(version, count, "up to date")
    if look.detail and not options.force:
        return Outcome(version, failure=_touched(layout, version, look))
    try:
        _replace(layout, locked, version, options)
    except (Failure, OSError) as error:
        return Outcome(version, failure=_text(version, error))
    return Outcome(version, count, "rebuilt, edits lost" if look.detail else "built")


def _replace(layout: Layout, locked: Mapping[str, Release], version: str, options: Options) -> None:
    release = locked[version]
    patches = series.read(layout.line(release.line), allow_empty=options.allow_empty)
    archive = fetch.locked(release, options.sdists)
    exact = lock.newest(locked.values(), release.line) == version
    built = build.build(layout.building(version), version, archive, patches, exact=exact)
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
    return f"{version}: {error.filename or 'disk'}: {error.strerror or error}"
