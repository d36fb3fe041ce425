"""Gets a locked sdist from a folder, from the cache, or from the index, and checks its hash."""

from __future__ import annotations

from pathlib import Path

from scripts import layout, sdist
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
    if not path.is_file():
        if folder:
            raise Failure(f"{path}: not there, and with SDISTS no index is asked")
        _download(release, path.parent)
    return release.sdist, sdist.read(path, release.sha256)


def _download(release: Release, folder: Path) -> None:
    from scripts import index

    settings = index.pip_settings()
    links = index.candidates(release.version, settings)
    named = [link for link in links if link.filename == release.sdist]
    if not named:
        offered = ", ".join(sorted({link.filename for link in links}))
        raise Failure(f"{release.version}: the index has {offered}, the lock says {release.sdist}")
    # Of several places, the one whose own hash is the lock's.
    named.sort(key=lambda link: (link.hash_option or {}).get("sha256") != [release.sha256])
    index.download(named[0], folder, settings)
