"""`lock`: adds a release to the lock, or refreshes its entry."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from email.parser import HeaderParser
from pathlib import Path

from scripts import build, desk, fetch, files, git, layout, lock, port, sdist, series, trees
from scripts.desk import Desk
from scripts.errors import Failure, PatchFailure
from scripts.layout import Layout
from scripts.lock import Release
from scripts.port import Source
from scripts.replace import Change, replace
from scripts.series import Series

# Some releases declare 3.14, but what they depend on refuses it.
_NEWEST_PYTHON = "3.13"
_CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.\d+)")


def lock_release(place: Layout, version: str, sdists: Path | None = None) -> list[str]:
    """Lock a release: find its sdist, hash it, read its Pythons, build its tree.

    Where the patches of its neighbour do not fit, they are ported, and it gets its own.

    Args:
        place: The checkout.
        version: The release.
        sdists: A folder of sdists to take instead of asking the index.

    Returns:
        Texts that say what was done.

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
    with desk.opened(place, {**locked, version: release}, sdists) as opened:
        done = _lock_in(opened, release, known=version in locked)
    return [f"locked {version}: Python {', '.join(release.pythons)}", *done]


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


def _lock_in(at: Desk, release: Release, *, known: bool) -> list[str]:
    version = release.version
    try:
        tree, contents = _built(at.within("plain"), version)
    except PatchFailure:
        if known:
            raise
        return _lock_ported(at, version)
    if version not in at.made.eras() or _exact(at.made, version, contents):
        entry = {version: release.built(tree)}
        files.write_atomic(at.layout.lock, lock.updated(at.layout.lock, entry))
        return []
    trees.check_untouched(at.layout, [version])
    _, rebuilt = _replaced(at, version, {version: contents})
    return [f"rebuilt: {', '.join(rebuilt)}"]


def _built(at: Desk, version: str) -> tuple[str, Mapping[str, bytes]]:
    """The tree that a release's patches make, and what an export of it says."""
    archive, patches = at.archive(version), at.made.patches(version)
    built = build.build(at.scratch / "tree", version, archive, patches)
    exported = build.exported(built.folder, "upstream..HEAD", at.scratch / "exported")
    return built.tree, series.titled(exported)


def _exact(made: Series, version: str, contents: Mapping[str, bytes]) -> bool:
    """Whether the patches that no newer release takes fit a release without an offset."""
    own = series.titled(made.own(version))
    return all(contents[title] == content for title, content in own.items())


def _replaced(
    at: Desk, version: str, contents: Mapping[str, Mapping[str, bytes]]
) -> tuple[Series, list[str]]:
    wanted = {**{era: at.made.contents(era) for era in at.made.eras()}, **contents}
    ordered = {each: wanted[each] for each in sorted(wanted, key=lock.order, reverse=True)}
    titles = [row.title for row in at.made.rows]
    return replace(at.within("new"), Change(titles, ordered, {version}))


def _lock_ported(at: Desk, version: str) -> list[str]:
    """Locks a release with patches of its own, ported from those of its neighbour."""
    near = series.after(at.made.releases, version) or at.made.releases[-2]
    folder, archive = at.scratch / "near", at.archive(near)
    build.build(folder, near, archive, at.made.patches(near))
    source = Source(folder, {}, at.made.contents(near))
    titles = [row.title for row in at.made.rows]
    ported = port.port(at.within("ported"), source, version, {}, titles)
    contents = {version: ported.now}
    # Without patches of its own, the next older release would get those of this one.
    for older in [v for v in at.made.releases if lock.order(v) < lock.order(version)][-1:]:
        contents[older] = _built(at.within("older"), older)[1]
    new, rebuilt = _replaced(at, version, contents)
    return [*port.told(new, version, source, ported), f"rebuilt: {', '.join(rebuilt)}"]
