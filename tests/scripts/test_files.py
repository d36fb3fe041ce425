"""Files and folders change as a whole or not at all."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from scripts import files


def test_a_failed_write_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(self: Path, content: bytes) -> int:
        self.open("wb").write(content[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="No space"):
        files.write_atomic(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def fill(tmp_path: Path) -> list[tuple[Path, Path]]:
    moves = []
    for name in ("a", "b", "c"):
        (tmp_path / f"new-{name}").mkdir()
        (tmp_path / f"new-{name}" / "x").write_text(f"new {name}")
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(f"old {name}")
        moves.append((tmp_path / f"new-{name}", tmp_path / name))
    return moves


def contents(tmp_path: Path) -> dict[str, str]:
    return {str(p.relative_to(tmp_path)): p.read_text() for p in tmp_path.rglob("x")}


def test_all_moves_happen(tmp_path: Path) -> None:
    files.swap_in(fill(tmp_path))
    assert contents(tmp_path) == {f"{name}/x": f"new {name}" for name in "abc"}


@pytest.mark.parametrize("stop_at", range(6))
@pytest.mark.parametrize("after", [False, True], ids=["before the rename", "after the rename"])
def test_an_interrupt_anywhere_undoes_all_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int, after: bool
) -> None:
    moves = fill(tmp_path)
    before = contents(tmp_path)
    rename, calls = Path.rename, iter(range(99))

    def stop(self: Path, target: Path) -> Path:
        number = next(calls)
        if number == stop_at and not after:
            raise KeyboardInterrupt
        moved = rename(self, target)
        if number == stop_at:
            raise KeyboardInterrupt
        return moved

    monkeypatch.setattr(Path, "rename", stop)
    with pytest.raises(KeyboardInterrupt):
        files.swap_in(moves)
    assert contents(tmp_path) == before


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    def attempt() -> None:
        with (tmp_path / ".lock").open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    with files.exclusive(tmp_path), pytest.raises(BlockingIOError):
        attempt()
    attempt()


def test_recovery_prefers_the_new_place_if_it_is_there(tmp_path: Path) -> None:
    for name in (f"{files.REPLACED}a", f"{files.REPLACED}b", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(name)
    files.recover(tmp_path)
    assert contents(tmp_path) == {"a/x": f"{files.REPLACED}a", "b/x": "b"}
