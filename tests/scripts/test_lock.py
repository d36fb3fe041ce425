"""The lock file: what is read from it, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import lock
from scripts.errors import Failure
from scripts.layout import ROOT

RELEASE = lock.Release(
    "1.0.0", "guardrails_ai-1.0.0.tar.gz", "a" * 64, ("3.9", "3.10"), "b" * 40, 1
)


def written(tmp_path: Path, *releases: lock.Release) -> Path:
    path = tmp_path / "upstream.toml"
    path.write_bytes(lock.updated(path, {release.version: release for release in releases}))
    return path


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    assert lock.load(written(tmp_path, RELEASE)) == {"1.0.0": RELEASE}


def test_releases_are_sorted_as_versions(tmp_path: Path) -> None:
    versions = ["1.10.0", "1.2.0", "1.9.3", "1.2"]
    path = written(tmp_path, *(replace(RELEASE, version=version) for version in versions))
    assert list(lock.load(path)) == ["1.2", "1.2.0", "1.9.3", "1.10.0"]
    headers = [row for row in path.read_text().splitlines() if row.startswith("[")]
    assert headers == [f'[release."{v}"]' for v in ("1.2", "1.2.0", "1.9.3", "1.10.0")]


def test_comments_and_other_entries_stay(tmp_path: Path) -> None:
    path = written(tmp_path, RELEASE)
    text = path.read_text().replace('"3.10"]', '"3.10"]  # the oldest')
    path.write_text(f"# Ours.\n{text}")
    path.write_bytes(lock.updated(path, {"1.1.0": replace(RELEASE, version="1.1.0")}))
    assert path.read_text().startswith(f"# Ours.\n{text}")
    path.write_bytes(lock.updated(path, {"1.0.0": replace(RELEASE, tree="c" * 40)}))
    assert '"3.10"]  # the oldest' in path.read_text()
    assert lock.load(path)["1.0.0"].tree == "c" * 40


def test_the_same_entry_again_changes_no_byte(tmp_path: Path) -> None:
    path = written(tmp_path, RELEASE, replace(RELEASE, version="1.1.0"))
    assert lock.updated(path, {"1.0.0": RELEASE}) == path.read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("sha256 =", "sha512 =", "missing or unknown keys: sha256, sha512"),
        ("tree =", "# tree =", "missing or unknown keys: tree"),
        ("a" * 64, "a" * 63, "sha256 has not the shape"),
        ("b" * 40, "main", "tree has not the shape"),
        ("revision = 1", "revision = 0", "revision is not a whole number"),
        ("revision = 1", "revision = true", "revision is not a whole number"),
        ('"guardrails_ai-1.0.0.tar.gz"', '"../x.tar.gz"', "sdist has not the shape"),
        ('"guardrails_ai-1.0.0.tar.gz"', "1", "sdist has not the shape"),
        ("revision = 1", 'revision = 1\nline = "1.0.0"', "missing or unknown keys: line"),
        ('["3.9", "3.10"]', "[]", "pythons is not a list"),
        ('["3.9", "3.10"]', '"3.9"', "pythons is not a list"),
        ('["3.9", "3.10"]', '["2.7"]', "something else than 3.x"),
        ('[release."1.0.0"]', '[release."1.0rc1"]', "not a final release's version"),
        ('[release."1.0.0"]', "[release.1.0.0]", 'release."1"'),
        ('[release."1.0.0"]', "[release", "not valid TOML"),
        ('[release."1.0.0"]', "[[release]]", "every release is a table"),
    ],
)
def test_an_entry_that_is_not_whole_is_refused(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    path = written(tmp_path, RELEASE)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(Failure) as failure:
        lock.load(path)
    assert complaint in str(failure.value)
    assert str(failure.value).startswith(str(path))


def test_a_missing_lock_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="make lock RELEASE="):
        lock.load(tmp_path / "upstream.toml")


@pytest.mark.parametrize("text", ["", "# Ours.\n", "[release]\n"])
def test_an_empty_lock_is_refused_unless_it_is_about_to_be_filled(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "upstream.toml"
    path.write_text(text)
    with pytest.raises(Failure, match=r"upstream\.toml: no release in it: restore it, or `make"):
        lock.load(path)
    assert lock.load(path, allow_empty=True) == {}


def test_a_release_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        RELEASE.tree = "x"  # type: ignore[misc]


def test_another_tree_is_another_revision() -> None:
    assert RELEASE.built(RELEASE.tree) == RELEASE
    assert RELEASE.built("c" * 40) == replace(RELEASE, tree="c" * 40, revision=2)


@given(st.lists(st.integers(0, 99), min_size=2, max_size=4).map(tuple))
def test_order_is_by_number(parts: tuple[int, ...]) -> None:
    version = ".".join(map(str, parts))
    assert lock.valid_version(version)
    assert lock.order(version) == parts


def test_reading_the_lock_imports_nothing_heavy() -> None:
    code = (
        "import sys, scripts.lock; "
        "print([m for m in ('rich', 'unearth', 'httpx2', 'packaging') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.check_output(command, cwd=ROOT, text=True) == "[]\n"


def test_the_committed_lock_is_whole() -> None:
    assert lock.load()
