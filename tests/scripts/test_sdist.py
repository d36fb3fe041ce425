"""An sdist is checked before it is unpacked, and unpacked with nothing taken on trust."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest
from checkout import archive, member, sdist
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts import sdist as unpacking
from scripts.errors import Failure

NAME = "guardrails_ai-1.0.0.tar.gz"
TOP = "guardrails_ai-1.0.0"


def test_files_are_unpacked_without_the_top_level_directory(tmp_path: Path) -> None:
    unpacking.unpack(sdist("1.0.0"), NAME, tmp_path / "out")
    assert (tmp_path / "out" / "guardrails" / "call.py").read_text().startswith("def call")


def test_only_the_executable_bit_is_taken_from_the_archive(tmp_path: Path) -> None:
    content = archive(
        member(f"{TOP}/run.sh", b"x", mode=0o6755, mtime=1, uid=1234),
        member(f"{TOP}/open.py", b"x", mode=0o666, mtime=1),
        member(f"{TOP}/closed.py", b"x", mode=0o000, mtime=1),
    )
    unpacking.unpack(content, NAME, tmp_path / "out")
    modes = {p.name: p.stat().st_mode & 0o7777 for p in (tmp_path / "out").iterdir()}
    assert modes == {"run.sh": 0o755, "open.py": 0o644, "closed.py": 0o644}
    assert (tmp_path / "out" / "run.sh").stat().st_mtime > 1


BAD = {
    "parent": [member(f"{TOP}/../evil", b"x")],
    "parent at the end": [member(f"{TOP}/..", b"x")],
    "absolute": [member("/etc/evil", b"x")],
    "another top": [member("elsewhere/evil", b"x")],
    "no top": [member("evil", b"x")],
    "top as a file": [member(TOP, b"x")],
    "dot": [member(f"{TOP}/./evil", b"x")],
    "git": [member(f"{TOP}/.git/config", b"x")],
    "Git": [member(f"{TOP}/.GIT/config", b"x")],
    "backslash": [member(f"{TOP}/..\\evil", b"x")],
    "drive": [member(f"{TOP}/C:evil", b"x")],
    "symbolic link": [member(f"{TOP}/l", type=tarfile.SYMTYPE, linkname="/etc")],
    "hard link": [member(f"{TOP}/l", type=tarfile.LNKTYPE, linkname="/etc/passwd")],
    "character device": [member(f"{TOP}/d", type=tarfile.CHRTYPE)],
    "block device": [member(f"{TOP}/d", type=tarfile.BLKTYPE)],
    "fifo": [member(f"{TOP}/f", type=tarfile.FIFOTYPE)],
    "twice": [member(f"{TOP}/a", b"1"), member(f"{TOP}/a", b"2")],
    "twice but for the case": [member(f"{TOP}/a", b"1"), member(f"{TOP}/A", b"2")],
    "file and folder": [member(f"{TOP}/a", b"1"), member(f"{TOP}/a/b", b"2")],
    "empty": [],
}


@pytest.mark.parametrize("case", BAD)
def test_an_odd_member_is_refused(tmp_path: Path, case: str) -> None:
    with pytest.raises(Failure, match="refused"):
        unpacking.unpack(archive(*BAD[case]), NAME, tmp_path / "box" / "out")
    outside = [p for p in tmp_path.rglob("*") if p.is_file() and "out" not in p.parts]
    assert outside == []


@pytest.mark.parametrize("length", [0, 10, 100, -1, -9, -40])
def test_a_truncated_archive_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(Failure, match=r"not a whole \.tar\.gz"):
        unpacking.unpack(sdist("1.0.0")[:length], NAME, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"garbage" * 100, gzip.compress(b"garbage" * 100)])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Failure, match=r"not a whole \.tar\.gz"):
        unpacking.unpack(content, NAME, tmp_path / "out")


def test_a_member_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    whole = gzip.decompress(archive(member(f"{TOP}/a", b"x" * 2000)))
    with pytest.raises(Failure, match=r"not a whole \.tar\.gz"):
        unpacking.unpack(gzip.compress(whole[:1500]), NAME, tmp_path / "out")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="./\\:ab~\x01é", min_size=1, max_size=30), st.booleans())
def test_no_name_reaches_outside(
    tmp_path_factory: pytest.TempPathFactory, name: str, inside: bool
) -> None:
    box = tmp_path_factory.mktemp("box")
    try:
        content = archive(member(f"{TOP}/{name}" if inside else name, b"x"))
        unpacking.unpack(content, NAME, box / "out")
    except Failure:
        pass
    assert {p.name for p in box.iterdir()} <= {"out"}


def test_the_hash_is_checked() -> None:
    with pytest.raises(Failure, match=r"refused: its sha256 is 2d711642b726b044.*the lock says 00"):
        unpacking.verified(b"x", "0" * 64, "x.tar.gz")


def test_metadata_is_read() -> None:
    assert "Version: 1.0.0" in unpacking.metadata(sdist("1.0.0"), NAME)


def test_an_sdist_without_metadata_is_refused() -> None:
    with pytest.raises(Failure, match="no PKG-INFO"):
        unpacking.metadata(archive(member(f"{TOP}/a", b"x")), NAME)
