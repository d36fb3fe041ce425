"""Files and folders that change as a whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts import parallel

REPLACED = ".replaced-"


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a file or a folder, whichever it is; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def swap_in(moves: Sequence[tuple[Path, Path]]) -> None:
    """Move each new path to its place, all of them or none.

    What stood in a place is set aside first and comes back if any later move fails or is
    interrupted.

    Args:
        moves: Pairs of the new path and its place; both on one file system.
    """
    undo: list[tuple[Path, Path]] = []
    try:
        for new, place in moves:
            _move(place, _aside(place), undo)
            _move(new, place, undo)
    except BaseException:
        for moved, origin in reversed(undo):
            if moved.exists():
                moved.replace(origin)
        raise
    # Most of the time goes into what is removed.
    parallel.each(remove, [_aside(place) for _, place in moves])


def _aside(place: Path) -> Path:
    return place.with_name(REPLACED + place.name)


def _move(source: Path, target: Path, undo: list[tuple[Path, Path]]) -> None:
    if source.exists() or source.is_symlink():
        # Noted before it happens: an interrupt between the two must not lose the way back.
        undo.append((target, source))
        source.rename(target)


def recover(folder: Path) -> None:
    """Put back what a killed `swap_in` left set aside in a folder."""
    for aside in folder.glob(f"{REPLACED}*"):
        place = folder / aside.name.removeprefix(REPLACED)
        if place.exists():
            remove(aside)
        else:
            aside.rename(place)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a folder for one process at a time; a second one waits."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
