"""A patch line: a folder of patches and the `series` file that says which apply, in which order."""

from __future__ import annotations

from pathlib import Path

from scripts.errors import Failure

FILE = "series"
_EMPTY = "restore it, or start the line in the tree that `make apply-patches EMPTY=1` makes"


def names(line: Path) -> list[str]:
    """The patch names that a line's series lists, in order; none if there is no series."""
    try:
        text = (line / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        raise Failure(f"{line / FILE}: not UTF-8 text") from None
    return [name for row in text.splitlines() if (name := row.partition("#")[0].strip())]


def problems(line: Path) -> list[str]:
    """What a line's series and its files disagree on, one text each that says what to do."""
    listed = names(line)
    present = {path.name for path in line.glob("*.patch")}
    empty = empties(line)
    twice = sorted({name for name in listed if listed.count(name) > 1})
    return [
        *([] if listed else [f"{line / FILE}: lists no patch: {_EMPTY}"]),
        *(f"{line / FILE}: lists {name} twice: keep one" for name in twice),
        *(
            f"{line / name}: listed in the series but missing: restore it or delete its row"
            for name in listed
            if name not in present
        ),
        *(f"{line / name}: is empty: restore it or delete it and its row" for name in empty),
        *(
            f"{line / name}: not listed in the series: list it or delete it"
            for name in sorted(present.difference(listed))
        ),
    ]


def empties(line: Path) -> list[str]:
    """The names of the patches in which nothing is; git would name the wrong one."""
    return sorted(path.name for path in line.glob("*.patch") if not path.read_bytes().strip())


def read(line: Path, *, allow_empty: bool = False) -> list[Path]:
    """A line's patches, in order.

    Args:
        line: The line's folder.
        allow_empty: Whether a line may still have no patches, as when it is being started.

    Raises:
        Failure: If the series is empty, or does not match the files.
    """
    if allow_empty and not names(line) and not any(line.glob("*.patch")):
        return []
    if found := problems(line):
        raise Failure("; ".join(found))
    return [line / name for name in names(line)]


def text(listed: list[str], old: str = "") -> bytes:
    """A series file's content, with the comments that head the old one."""
    head = []
    for row in old.splitlines():
        if row.strip() and not row.startswith("#"):
            break
        head.append(row)
    return "".join(f"{row}\n" for row in [*head, *listed]).encode()
