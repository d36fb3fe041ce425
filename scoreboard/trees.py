"""Every locked release as two trees that Python can import from: as published, and patched."""

from __future__ import annotations

import io
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

from scripts import git, pins
from scripts.errors import Failure
from scripts.lock import order

# From here on guardrails' dependencies are those of its newest release.
NEWER = (0, 10)


@dataclass(frozen=True)
class Tree:
    """One release in one state.

    Attributes:
        release: The release of guardrails-ai.
        patched: Whether this project's patches are on it.
    """

    release: str
    patched: bool

    @property
    def name(self) -> str:
        """The name of its folder and of its result."""
        return f"{self.release}-{'patched' if self.patched else 'published'}"

    @property
    def pins(self) -> str:
        """The release whose pinned requirements it is imported with."""
        having = pins.releases()
        return having[-1] if order(self.release) >= NEWER else having[0]


def every(releases: list[str]) -> list[Tree]:
    """Both trees of each release, oldest first."""
    ordered = sorted(releases, key=order)
    return [Tree(release, patched) for release in ordered for patched in (False, True)]


def lay_out(tree: Tree, checkout: Path, folder: Path) -> Path:
    """Writes a tree's files into a folder of its own, with what says that it is installed.

    Args:
        tree: The tree.
        checkout: The release's patched tree: a repository with the tag `upstream`.
        folder: Where the tree's folder goes.

    Raises:
        Failure: If the checkout has no such commit.
    """
    place = folder / tree.name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    commit = "HEAD" if tree.patched else "upstream"
    packed = git.attempt(checkout, "archive", commit, "guardrails", "PKG-INFO")
    if packed.returncode:
        raise Failure(f"{checkout}: {git.first_line(packed.stderr)}")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(place, filter="data")
    about = place / f"guardrails_ai-{tree.release}.dist-info"
    about.mkdir()
    (place / "PKG-INFO").rename(about / "METADATA")
    return place
