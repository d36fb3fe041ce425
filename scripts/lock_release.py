"""`lock`: adds a release to the lock, or refreshes its entry."""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import replace
from email.parser import HeaderParser
from pathlib import Path

from scripts import build, fetch, files, git, layout, lock, replace_line, sdist, series, trees
from scripts.errors import Failure
from scripts.layout import Layout
from scripts.lock import Release

# Some releases declare 3.14, but what they depend on refuses it.
_NEWEST_PYTHON = "3.13"
_CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.\d+)")


def lock_release(
    place: Layout, version: str, line: str | None = None, sdists: Path | None = None
) -> str:
    """Lock a release: find its sdist, hash it, read its Pythons, build its tree.

    Args:
        place: The checkout.
        version: The release.
        line: The patch line that serves it; the newest that is not newer than it if not given.
        sdists: A folder of sdists to take instead of asking the index.

    Returns:
        A line that says what was locked.

    Raises:
        Failure: If the sdist is not to be had or the line's patches do not apply. The lock is then
            as it was.
    """
    if not lock.valid_version(version):
        raise Failure(f"{version!r} is not a final release's version, such as 0.11.0")
    line = line or _line(place, version)
    _check_line(place, line, version)
    locked = lock.load(place.lock, allow_empty=True) if place.lock.exists() else {}
    name, content = _from_folder(version, sdists) if sdists else _from_index(version)
    release = _described(version, name, content, line)
    if before := locked.get(version):
        _check_same_sdist(before, release)
        release = replace(release, tree=before.tree, revision=before.revision)
    with files.exclusive(place.trees):
        trees.tidy(place)
        exported = _lock_in(place, {**locked, version: release}, release, content, sdists)
    pythons = ", ".join(release.pythons)
    return f"locked {version}: line {line}, Python {pythons}{exported}"


def _check_line(place: Layout, line: str, version: str) -> None:
    if not place.line(line).is_dir():
        raise Failure(f"patches/{line}: no such line: make the folder and its series first")
    if lock.order(line) > lock.order(version):
        raise Failure(
            f"{version}: line {line} starts later: a line is named for its oldest release"
        )


def _line(place: Layout, version: str) -> str:
    lines = [path.name for path in place.patches.glob("*") if lock.valid_version(path.name)]
    fitting = [line for line in lines if lock.order(line) <= lock.order(version)]
    if not fitting:
        oldest = min(lines, key=lock.order, default="")
        there = f"the oldest starts at {oldest}" if oldest else "there is none yet"
        raise Failure(
            f"no patch line is old enough for {version}: {there}: start one, "
            f"patches/{version} with an empty file `series`"
        )
    return max(fitting, key=lock.order)


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


def _described(version: str, name: str, content: bytes, line: str) -> Release:
    headers = HeaderParser().parsestr(sdist.metadata(content, name))
    if headers["Version"] != version:
        raise Failure(f"{name}: it says that it is version {headers['Version']}, not {version}")
    pythons = _pythons(headers.get_all("Classifier", []), headers["Requires-Python"] or "")
    if not pythons:
        raise Failure(f"{name}: it declares no Python version")
    sha256 = hashlib.sha256(content).hexdigest()
    return Release(version, name, sha256, pythons, line, tree=git.ZERO_ID, revision=0)


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
    locked: dict[str, Release],
    release: Release,
    content: bytes,
    sdists: Path | None,
) -> str:
    line, version = place.line(release.line), release.version
    patches = series.read(line, allow_empty=True)
    archive = release.sdist, content
    tree = place.building(version)
    with tempfile.TemporaryDirectory(prefix=".exporting-", dir=place.trees) as scratch:
        with build.removed_unless_refused(tree):
            built = build.build(tree, version, archive, patches, exact=False)
            exported = build.exported(tree, built.base, Path(scratch) / "patches")
            files.remove(tree)
        locked[version] = release.built(built.tree)
        fetch.keep(layout.cache() / release.sdist, content)
        newest = lock.newest(locked.values(), release.line) == version
        if newest and not replace_line.same(line, exported):
            # A line is kept exact for its newest release; the older ones may have offsets.
            replace_line.check_untouched(place, [release])
            new = {release.line: exported}
            served = replace_line.replace_lines(place, locked, new, sdists)[release.line]
            return f"; its patches were exported anew, trees rebuilt: {', '.join(served)}"
    files.write_atomic(place.lock, lock.updated(place.lock, {version: locked[version]}))
    return ""
