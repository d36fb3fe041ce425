"""The series: which patches there are, in which order, and which file of each is a release's.

A release takes each patch from the lowest `patches/before/X` above it that has it, or else from
`patches/` itself, where the series is as the newest release has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path

from scripts import lock, patchfile
from scripts.errors import Failure

FILE, BEFORE = "series", "before"
_RELEASE = r"\d+(?:\.\d+)+"
_ROW = re.compile(
    rf"(?P<name>\S+\.patch)(?: +from +(?P<start>{_RELEASE}))?(?: +before +(?P<end>{_RELEASE}))?"
)

# By release, newest first, what it has of each patch, under the patch's title; a release that is
# not named has what the next newer one has.
Wanted = Mapping[str, Mapping[str, bytes]]


@dataclass(frozen=True)
class Row:
    """A patch: its file's name in every folder, and from which release to before which it is."""

    name: str
    start: str = ""
    end: str = ""

    @property
    def title(self) -> str:
        """The patch's title: the file's name without its number."""
        return self.name.partition("-")[2]

    @property
    def text(self) -> str:
        """The row as it is written."""
        fields = (("from", self.start), ("before", self.end))
        return " ".join([self.name, *(f"{word} {release}" for word, release in fields if release)])

    @property
    def file(self) -> str:
        """The file for the newest release that has the patch."""
        return f"{BEFORE}/{self.end}/{self.name}" if self.end else self.name

    def serves(self, version: str) -> bool:
        """Whether a release has the patch."""
        at = lock.order(version)
        early = self.start and at < lock.order(self.start)
        late = self.end and at >= lock.order(self.end)
        return not (early or late)


@dataclass(frozen=True)
class Series:
    """A folder of patches, the releases that it serves, oldest first, and the rows in order."""

    folder: Path
    releases: tuple[str, ...]
    rows: tuple[Row, ...]

    def patches(self, version: str) -> list[Path]:
        """The patches of a release, in order."""
        return [self._file(row.name, version) for row in self.rows if row.serves(version)]

    def own(self, version: str) -> list[Path]:
        """Those of a release's patches that no newer one takes: they must fit it exactly."""
        newer = after(self.releases, version)
        taken = self.patches(newer) if newer else []
        return [path for path in self.patches(version) if path not in taken]

    def eras(self) -> list[str]:
        """The releases whose patches are not those of the next newer one, newest first."""
        lists = {release: self.patches(release) for release in self.releases}
        newer = {release: after(self.releases, release) for release in self.releases}
        return [r for r in reversed(self.releases) if lists[r] != lists.get(newer[r])]

    def contents(self, version: str) -> dict[str, bytes]:
        """What a release has of each patch, under the patch's title."""
        return titled(self.patches(version))

    def _file(self, name: str, version: str) -> Path:
        for folder in self._folders:
            if lock.order(folder.name) > lock.order(version) and (folder / name).exists():
                return folder / name
        return self.folder / name

    @cached_property
    def _folders(self) -> list[Path]:
        found = [path for path in self.folder.glob(f"{BEFORE}/*") if path.name in self.releases]
        return sorted(found, key=lambda path: lock.order(path.name))


def after(releases: Iterable[str], version: str) -> str:
    """The next newer one of some releases, which are in order; empty after the newest."""
    return next((each for each in releases if lock.order(each) > lock.order(version)), "")


def titled(patches: Iterable[Path]) -> dict[str, bytes]:
    """The content of patches by title: the file's name without its number.

    Raises:
        Failure: If two have the same, so that neither can be told from the other.
    """
    found: dict[str, bytes] = {}
    for path in patches:
        title = path.name.partition("-")[2]
        if title in found:
            raise Failure(f"{path.name}: another patch has the same subject: change one")
        found[title] = path.read_bytes()
    return found


def load(folder: Path, releases: Iterable[str]) -> Series:
    """Read the series in a folder, for some releases.

    Raises:
        Failure: If it is empty, or does not fit the files and the releases.
    """
    made = parsed(folder, releases)
    if found := list(problems(made)):
        raise Failure("; ".join(found))
    return made


def parsed(folder: Path, releases: Iterable[str]) -> Series:
    """Read a series without a look at its files.

    Raises:
        Failure: If a row cannot be read.
    """
    rows = []
    for text in _text(folder).splitlines():
        row = text.partition("#")[0].strip()
        match = _ROW.fullmatch(row)
        if row and not match:
            raise Failure(
                f"{folder / FILE}: {row!r} is not a patch's name, with `from RELEASE` and "
                "`before RELEASE` after it where it is not for all"
            )
        rows += [Row(**match.groupdict(default=""))] if match else []
    return Series(folder, tuple(sorted(releases, key=lock.order)), tuple(rows))


def _text(folder: Path) -> str:
    try:
        return (folder / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise Failure(f"{folder / FILE}: not UTF-8 text") from None


def problems(made: Series) -> Iterator[str]:
    """What a series, its files and the releases disagree on, a text each: where, what to do."""
    if not made.rows:
        yield f"{shown(made.folder / FILE)}: lists no patch: restore it"
    yield from _bad_rows(made)
    yield from _bad_files(made)


def _bad_rows(made: Series) -> Iterator[str]:
    names, where = [row.name for row in made.rows], shown(made.folder / FILE)
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{where}: lists {name} twice: keep one"
    for row in made.rows:
        for release in {row.start, row.end} - {"", *made.releases}:
            yield f"{where}: {row.name}: the lock has no release {release}"
        if not (made.folder / row.file).exists():
            path = shown(made.folder / row.file)
            yield f"{path}: listed in the series but missing: restore it or delete its row"


def _bad_files(made: Series) -> Iterator[str]:
    names = {row.name for row in made.rows}
    used = {path for release in made.releases for path in made.patches(release)}
    strange = [path for path in made.folder.glob(f"{BEFORE}/*") if path.name not in made.releases]
    for folder in sorted(strange):
        yield (
            f"{shown(folder)}: the lock has no release {folder.name}: a folder is named for the "
            "oldest release that its patches are not for"
        )
    for path in sorted(made.folder.rglob("*.patch")):
        if path.parent in strange:
            continue
        if path.name not in names:
            yield f"{shown(path)}: not listed in the series: list it or delete it"
        elif path not in used:
            yield f"{shown(path)}: serves no release: delete it"
        elif not path.read_bytes().strip():
            # git would name the wrong one.
            yield f"{shown(path)}: is empty: restore it or delete it and its row"


def shown(path: Path) -> str:
    """A file of a series as its readers know it, wherever it is read from now."""
    parts = path.parts
    place = max(at for at, part in enumerate(parts) if part == "patches")
    return "/".join(parts[place:])


def write(folder: Path, releases: Iterable[str], titles: Sequence[str], wanted: Wanted) -> Series:
    """Write a series anew: a file for a release only where it differs from the next newer one's.

    Args:
        folder: The folder; what is no patch in it stays, and so does the series' heading.
        releases: The releases that it serves.
        titles: The patches, in order.
        wanted: What each release has of them.

    Raises:
        Failure: If newer and older releases have a patch that one between them has not.
    """
    for old in folder.rglob("*.patch"):
        old.unlink()
    having = [title for title in titles if any(title in each for each in wanted.values())]
    text = _text(folder).splitlines()
    rows = list(takewhile(lambda row: not row or row.startswith("#"), text))
    ends = {version: after(sorted(releases, key=lock.order), version) for version in wanted}
    for number, title in enumerate(having, start=1):
        held = {ends[version]: each.get(title) for version, each in wanted.items()}
        rows.append(_write(folder, f"{number:04d}-{title}", held).text)
    for place in [*folder.glob(f"{BEFORE}/*"), *folder.glob(BEFORE)]:
        if not any(place.iterdir()):
            place.rmdir()
    (folder / FILE).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return load(folder, releases)


def _write(folder: Path, name: str, held: Mapping[str, bytes | None]) -> Row:
    """Writes the files of a patch, of which it is known what is held before each release."""
    ends = [end for end, content in held.items() if content is not None]
    rest = list(held)[list(held).index(ends[0]) :]
    if rest[: len(ends)] != ends:
        raise Failure(f"{name}: a release between those that have it does not have it")
    newer = b""
    for end in ends:
        content = held[end] or b""
        if not newer or not patchfile.alike(content, newer):
            place = folder / Row(name, end=end).file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            newer = content
    return Row(name, start="".join(rest[len(ends) : len(ends) + 1]), end=ends[0])
