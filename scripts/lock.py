"""The lock: which releases there are, and what each one is made of.

`guardrails/upstream.toml` has one table a release. Reading it needs tomlkit only, so that a noxfile
can import this module cheaply.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from scripts.errors import Failure
from scripts.layout import ROOT

PATH = ROOT / "guardrails" / "upstream.toml"

_HEADER = """\
# Made by `make lock`: every release of guardrails-ai that this project patches.
# sha256 is the sdist's, checked before it is unpacked; tree is the git tree of the patched release,
# and revision counts how often it has become another one: the number in the wheel's +context.N.
"""
_VERSION = re.compile(r"\d+(\.\d+)+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TREE = re.compile(r"[0-9a-f]{40}")
_PYTHON = re.compile(r"3\.\d+")
_SDIST = re.compile(r"[A-Za-z0-9._-]+\.tar\.gz")
_SHAPES = {"sdist": _SDIST, "sha256": _SHA256, "tree": _TREE}


@dataclass(frozen=True)
class Release:
    """One locked release of guardrails-ai.

    Attributes:
        version: The release, such as `0.11.0`.
        sdist: The sdist's file name.
        sha256: The sdist's SHA-256, 64 hex digits.
        pythons: The minor Python versions that the release declares, oldest first.
        tree: The git tree id of the patched release, 40 hex digits.
        revision: How many different trees the release has had: two wheels of the same label hold
            the same code.
    """

    version: str
    sdist: str
    sha256: str
    pythons: tuple[str, ...]
    tree: str
    revision: int

    def built(self, tree: str) -> Release:
        """The entry with the tree that came out of a build: another tree, another revision."""
        return self if tree == self.tree else replace(self, tree=tree, revision=self.revision + 1)


_KEYS = tuple(field.name for field in fields(Release) if field.name != "version")


def load(path: Path = PATH, *, allow_empty: bool = False) -> dict[str, Release]:
    """Read the lock.

    Args:
        path: The lock file.
        allow_empty: Whether it may still have no release, as when the first one is added.

    Returns:
        The releases by version, oldest first.

    Raises:
        Failure: If the file cannot be read, is not TOML, has no release, or an entry is not whole.
    """
    tables = _document(path).unwrap().get("release", {})
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        raise Failure(f'{path}: every release is a table, such as [release."0.11.0"]')
    if not (tables or allow_empty):
        raise Failure(f"{path}: no release in it: restore it, or `make lock RELEASE=0.11.0`")
    releases = {version: _release(version, table, path) for version, table in tables.items()}
    return dict(sorted(releases.items(), key=lambda item: order(item[0])))


def order(version: str) -> tuple[int, ...]:
    """A sort key that puts 0.10.0 after 0.9.3."""
    return tuple(int(part) for part in version.split("."))


def valid_version(version: str) -> bool:
    """Whether a version is a final release, such as 0.11.0."""
    return bool(_VERSION.fullmatch(version))


def updated(path: Path, changes: Mapping[str, Release]) -> bytes:
    """The lock's new content with some releases added or changed.

    Comments and the entries of other releases stay as they are; releases are sorted.
    """
    document = _document(path) if path.exists() else tomlkit.parse(_HEADER)
    tables = document.get("release") or tomlkit.table(is_super_table=True)
    entries = {version: tables[version] for version in tables}
    for release in changes.values():
        _fill(entries.setdefault(release.version, tomlkit.table()), release)
    document["release"] = _sorted(entries)
    return (tomlkit.dumps(document).rstrip() + "\n").encode()


def _fill(table: object, release: Release) -> None:
    assert isinstance(table, dict)  # noqa: S101 - tomlkit's tables are dicts; this tells mypy
    for key in _KEYS:
        value = getattr(release, key)
        value = list(value) if isinstance(value, tuple) else value
        if table.get(key) != value:
            table[key] = value


def _sorted(entries: dict[str, object]) -> tomlkit.items.Table:
    tables = tomlkit.table(is_super_table=True)
    for version in sorted(entries, key=order):
        tables.append(version, entries[version])
    return tables


def _document(path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Failure(f"{path}: no lock here: make one with `make lock RELEASE=0.11.0`") from None
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: not valid TOML: {error}") from None


def _release(version: str, table: dict[str, object], path: Path) -> Release:
    where = f'{path}: [release."{version}"]'
    if not valid_version(version):
        raise Failure(f"{where}: not a final release's version")
    if set(table) != set(_KEYS):
        odd = ", ".join(sorted(set(table) ^ set(_KEYS)))
        raise Failure(f"{where}: missing or unknown keys: {odd}")
    _check(table, where)
    pythons, revision = table["pythons"], table["revision"]
    assert isinstance(pythons, list)  # noqa: S101 - _check has seen to it
    assert isinstance(revision, int)  # noqa: S101
    texts = {key: str(table[key]) for key in _SHAPES}
    return Release(version=version, pythons=tuple(pythons), revision=revision, **texts)


def _check(table: dict[str, object], where: str) -> None:
    for key, shape in _SHAPES.items():
        value = table[key]
        if not isinstance(value, str) or not shape.fullmatch(value):
            raise Failure(f"{where}: {key} has not the shape {shape.pattern}: {value!r}")
    pythons = table["pythons"]
    if not isinstance(pythons, list) or not pythons:
        raise Failure(f"{where}: pythons is not a list of versions")
    if not all(isinstance(python, str) and _PYTHON.fullmatch(python) for python in pythons):
        raise Failure(f"{where}: pythons has something else than 3.x in it: {pythons}")
    revision = table["revision"]
    if type(revision) is not int or revision < 1:
        raise Failure(f"{where}: revision is not a whole number from 1 on: {revision!r}")
