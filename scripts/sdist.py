"""An sdist: its hash is checked first, then it is unpacked with nothing taken on trust."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from scripts.errors import Failure

_BROKEN = (tarfile.TarError, EOFError, zlib.error, OSError)


def verified(content: bytes, sha256: str, where: object) -> bytes:
    """Return an sdist's content if its hash is the one known.

    Args:
        content: The `.tar.gz`.
        sha256: What its SHA-256 must be, in hex digits.
        where: Where it came from, for the message.

    Raises:
        Failure: If the SHA-256 is another.
    """
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise Failure(f"{where}: refused: its sha256 is {actual}, the lock says {sha256}")
    return content


def unpack(content: bytes, name: str, folder: Path) -> None:
    """Unpack an sdist's files into a folder, without the archive's top-level directory.

    Modes, owners and times of the archive are dropped, except whether a file is executable.

    Args:
        content: The `.tar.gz`.
        name: The sdist's file name; it says what the top-level directory must be.
        folder: Where the files go. It is made.

    Raises:
        Failure: If the archive is damaged or a member is anything but a file or a directory below
            the top-level directory.
    """
    for path, executable, data in _files(content, name):
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as handle:
                handle.write(data)
        except (FileExistsError, NotADirectoryError):
            raise Failure(f"{name}: refused: member {path!r} is there twice") from None
        target.chmod(0o755 if executable else 0o644)


def metadata(content: bytes, name: str) -> str:
    """The text of an sdist's PKG-INFO.

    Raises:
        Failure: If the archive is damaged or has none.
    """
    for path, _, data in _files(content, name):
        if path == "PKG-INFO":
            return data.decode("utf-8", "replace")
    raise Failure(f"{name}: refused: it has no PKG-INFO")


def _files(content: bytes, name: str) -> Iterator[tuple[str, bool, bytes]]:
    top = name.removesuffix(".tar.gz")
    seen: set[str] = set()
    for member, data in _members(content, name):
        path = _inside(member, top, name)
        if path.casefold() in seen:
            raise Failure(f"{name}: refused: member {member.name!r} is there twice")
        seen.add(path.casefold())
        if member.isfile():
            yield path, bool(member.mode & 0o100), data
    if not seen:
        raise Failure(f"{name}: refused: it is empty")


def _members(content: bytes, name: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    try:
        # Decompressed as a whole, since tarfile would not read on to gzip's own checksum.
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content)), mode="r:") as archive:
            loaded = [(member, _data(archive, member)) for member in archive]
    except _BROKEN as error:
        raise Failure(f"{name}: refused: not a whole .tar.gz: {error}") from None
    yield from loaded


def _data(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    handle = archive.extractfile(member) if member.isfile() else None
    return handle.read() if handle else b""


def _inside(member: tarfile.TarInfo, top: str, name: str) -> str:
    if not (member.isfile() or member.isdir()):
        raise Failure(f"{name}: refused: member {member.name!r} is no regular file or directory")
    first, *parts = member.name.split("/")
    odd = {"", ".", "..", ".git"}.intersection(part.casefold() for part in parts)
    if first != top or odd or re.search(r"[\\:\x00]", member.name):
        raise Failure(f"{name}: refused: member {member.name!r} is not safely inside {top}/")
    if not parts and not member.isdir():
        raise Failure(f"{name}: refused: member {member.name!r} is not inside {top}/")
    return "/".join(parts)
