"""Gets a locked sdist from a folder, from the cache, or from the index, and checks its hash."""

from __future__ import annotations

from pathlib import Path

from scripts import files, layout, sdist
from scripts.errors import Failure
from scripts.lock import Release


def locked(release: Release, folder: Path | None = None) -> tuple[str, bytes]:
    """A release's sdist, with the locked hash.

    Args:
        release: The lock's entry.
        folder: A folder of sdists to take instead; then neither cache nor network is used.

    Returns:
        The sdist's file name and content.

    Raises:
        Failure: If it cannot be had or its hash is another.
    """
    path = (folder or layout.cache()) / release.sdist
    if not folder and not path.exists():
        return release.sdist, _downloaded(release, path)
    if not path.is_file():
        raise Failure(f"{path}: not there, and with SDISTS no index is asked")
    # The cache is filled from the index again; a folder of one's own is not.
    where = f"{path} ({'replace' if folder else 'delete'} it to go on)"
    return release.sdist, sdist.verified(path.read_bytes(), release.sha256, where)


def _downloaded(release: Release, path: Path) -> bytes:
    from scripts import index

    settings = index.pip_settings()
    links = index.candidates(release.version, settings)
    named = [link for link in links if link.filename == release.sdist]
    if not named:
        offered = ", ".join(sorted({link.filename for link in links}))
        raise Failure(f"{release.version}: the index has {offered}, the lock says {release.sdist}")
    # Of several places, the one whose own hash is the lock's.
    named.sort(key=lambda link: (link.hash_option or {}).get("sha256") != [release.sha256])
    content = index.download(named[0], settings)
    sdist.verified(content, release.sha256, named[0].redacted)
    keep(path, content)
    return content


def keep(path: Path, content: bytes) -> None:
    """Put a checked sdist into the cache."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_atomic(path, content)
