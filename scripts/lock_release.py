"""`lock`: adds a release to the lock, or refreshes its entry."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import tempfile
from collections.abc import Mapping
from email.parser import HeaderParser
from pathlib import Path

from scripts import build, fetch, files, git, layout, lock, port, sdist, series, trees
from scripts.errors import Failure, PatchFailure
from scripts.layout import Layout
from scripts.lock import Release
from scripts.port import Source, Target
from scripts.replace import Change, replace
from scripts.series import Series

# Some releases declare 3.14, but what they depend on refuses it.
_NEWEST_PYTHON = "3.13"
_CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.\d+)")


def lock_release(place: Layout, version: str, sdists: Path | None = None) -> str:
    """Lock a release: find its sdist, hash it, read its Pythons, build its tree.

    Where the patches of its neighbour do not fit, they are ported, and it gets its own.

    Args:
        place: The checkout.
        version: The release.
        sdists: A folder of sdists to take instead of asking the index.

    Returns:
        A line that says what was locked.

    Raises:
        Failure: If the sdist is not to be had, or the patches cannot be ported. The lock and the
            patches are then as they were.
    """
    if not lock.valid_version(version):
        raise Failure(f"{version!r} is not a final release's version, such as 0.11.0")
    locked = lock.load(place.lock, allow_empty=True) if place.lock.exists() else {}
    name, content = _from_folder(version, sdists) if sdists else _from_index(version)
    release = _described(version, name, content)
    if before := locked.get(version):
        _check_same_sdist(before, release)
        release = dataclasses.replace(release, tree=before.tree, revision=before.revision)
    fetch.keep(layout.cache() / release.sdist, content)
    with files.exclusive(place.trees):
        trees.tidy(place)
        made = series.load(place.patches, {**locked, version: release})
        with tempfile.TemporaryDirectory(prefix=".exporting-", dir=place.trees) as scratch:
            rebuilt = _lock_in(place, locked, release, made, Path(scratch), sdists)
    also = f"; its patches were exported anew, trees rebuilt: {', '.join(rebuilt)}"
    return f"locked {version}: Python {', '.join(release.pythons)}{also * bool(rebuilt)}"


def _from_folder(version: str, folder: Path) -> tuple[str, bytes]:
    for path in sorted(folder.glob("guardrails?ai-*.tar.gz")):
        if path.name.removesuffix(".tar.gz").partition("ai-")[2] == version:
            return path.name, path.read_bytes()
    raise Failure(f"{folder}: no sdist of {version} here, and with SDISTS no index is asked")


def _from_index(version: str) -> tuple[str, bytes]:
    from scripts import index

    settings = index.pip_settings()
    link = index.candidates(version, settings)[0]
    content = index.download(link, settings)
    actual = hashlib.sha256(content).hexdigest()
    stated = (link.hash_option or {}).get("sha256", [actual])
    if actual not in stated:
        raise Failure(f"{link.redacted}: its sha256 is {actual}, the index says {stated[0]}")
    return link.filename, content


def _described(version: str, name: str, content: bytes) -> Release:
    headers = HeaderParser().parsestr(sdist.metadata(content, name))
    if headers["Version"] != version:
        raise Failure(f"{name}: it says that it is version {headers['Version']}, not {version}")
    pythons = _pythons(headers.get_all("Classifier", []), headers["Requires-Python"] or "")
    if not pythons:
        raise Failure(f"{name}: it declares no Python version")
    sha256 = hashlib.sha256(content).hexdigest()
    return Release(version, name, sha256, pythons, tree=git.ZERO_ID, revision=0)


def _pythons(classifiers: list[str], requires: str) -> tuple[str, ...]:
    from packaging.specifiers import SpecifierSet

    named = {match[1] for text in classifiers if (match := _CLASSIFIER.fullmatch(text))}
    allowed = SpecifierSet(requires)
    # `>=3.8.1` still means 3.8, and `<=3.13` still means 3.13.
    return tuple(
        minor
        for minor in sorted(named, key=lock.order)
        if lock.order(minor) <= lock.order(_NEWEST_PYTHON)
        and any(allowed.contains(f"{minor}.{patch}") for patch in (0, 99))
    )


def _check_same_sdist(before: Release, now: Release) -> None:
    if before.sha256 != now.sha256:
        raise Failure(
            f"{now.sdist}: its sha256 is {now.sha256}, the lock says {before.sha256}: "
            "a release never changes; delete its entry if you trust the new file"
        )


def _lock_in(
    place: Layout,
    locked: Mapping[str, Release],
    release: Release,
    made: Series,
    scratch: Path,
    sdists: Path | None,
) -> list[str]:
    """Writes what is to be written, and says which trees were rebuilt."""
    version, known = release.version, {**locked, release.version: release}
    wanted = {era: made.contents(era) for era in made.eras()}
    try:
        tree, contents = _built(release, made, scratch / "plain", sdists)
        fits = version not in wanted or _exact(made, version, contents)
    except PatchFailure:
        if version in locked:
            raise
        contents, fits = _ported(place, known, release, made, scratch / "ported", sdists), False
        # Without patches of its own, the next older one would get those of this one.
        older = [each for each in made.releases if lock.order(each) < lock.order(version)]
        if older and older[-1] not in wanted:
            wanted[older[-1]] = _built(known[older[-1]], made, scratch / "older", sdists)[1]
    if fits:
        entry = {version: release.built(tree)}
        files.write_atomic(place.lock, lock.updated(place.lock, entry))
        return []
    wanted[version] = contents
    ordered = {v: wanted[v] for v in sorted(wanted, key=lock.order, reverse=True)}
    titles = [row.title for row in made.rows]
    change = Change(made, titles, ordered, {version})
    return replace(place, known, change, scratch / "new", sdists)[1]


def _built(
    release: Release, made: Series, scratch: Path, sdists: Path | None
) -> tuple[str, dict[str, bytes]]:
    """The tree that a release's patches make, and what an export of it says."""
    archive, patches = fetch.locked(release, sdists), made.patches(release.version)
    built = build.build(scratch / "tree", release.version, archive, patches)
    exported = build.exported(built.folder, "upstream..HEAD", scratch / "exported")
    return built.tree, series.titled(exported)


def _exact(made: Series, version: str, contents: Mapping[str, bytes]) -> bool:
    """Whether patches that no newer release takes fit a release without an offset."""
    own = series.titled(made.own(version))
    return all(contents[title] == content for title, content in own.items())


def _ported(
    place: Layout,
    locked: Mapping[str, Release],
    release: Release,
    made: Series,
    scratch: Path,
    sdists: Path | None,
) -> Mapping[str, bytes]:
    """What a release gets of the patches of the next newer one, or of the one before the newest."""
    near = series.after(made.releases, release.version) or made.releases[-2]
    archive, patches = fetch.locked(locked[near], sdists), made.patches(near)
    built = build.build(scratch / "near", near, archive, patches)
    source = Source(built.folder, {}, made.contents(near))
    target = Target(release, fetch.locked(release, sdists), [], {})
    titles = [row.title for row in made.rows]
    return port.port(place, source, target, titles, scratch / "target").now
