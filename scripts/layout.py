"""Where the lock, the patches and the trees are in a checkout."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Layout:
    """The paths of one checkout.

    Attributes:
        root: The folder that holds `patches/` and `guardrails/`.
    """

    root: Path = ROOT

    @property
    def lock(self) -> Path:
        """The lock file."""
        return self.trees / "upstream.toml"

    @property
    def trees(self) -> Path:
        """The folder of the vendored trees."""
        return self.root / "guardrails"

    @property
    def patches(self) -> Path:
        """The folder of the patches and their series."""
        return self.root / "patches"

    def tree(self, version: str) -> Path:
        """The folder of one release's vendored tree."""
        return self.trees / version

    def building(self, version: str) -> Path:
        """The folder in which a release's tree is built before it is renamed in."""
        return self.trees / f".building-{version}"

    def shown(self, path: Path) -> str:
        """A path as messages print it: relative to the checkout where it lies inside."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


def cache() -> Path:
    """The folder of downloaded sdists; `GUARDRAILS_CONTEXT_CACHE` moves it."""
    own = os.environ.get("GUARDRAILS_CONTEXT_CACHE")
    if own:
        return Path(own) / "sdists"
    shared = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(shared) / "guardrails-context" / "sdists"
