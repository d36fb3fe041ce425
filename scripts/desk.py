"""Where a change of the series is made: the checkout as it is, and a folder for what is to come."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts import fetch, files, series, trees
from scripts.layout import Layout
from scripts.lock import Release
from scripts.series import Series


@dataclass(frozen=True)
class Desk:
    """A checkout, its lock and its series, and a folder to move things into place from.

    Sdists come from their own folder, if there is one, instead of cache and index.
    """

    layout: Layout
    locked: Mapping[str, Release]
    made: Series
    scratch: Path
    sdists: Path | None

    def archive(self, version: str) -> tuple[str, bytes]:
        """A release's sdist: its file name and content."""
        return fetch.locked(self.locked[version], self.sdists)

    def within(self, name: str) -> Desk:
        """The same, with a part of the folder."""
        return dataclasses.replace(self, scratch=self.scratch / name)


@contextmanager
def opened(layout: Layout, locked: Mapping[str, Release], sdists: Path | None) -> Iterator[Desk]:
    """Hold the checkout for one process at a time, and clear away what others left."""
    with files.exclusive(layout.trees):
        trees.tidy(layout)
        made = series.load(layout.patches, locked)
        with tempfile.TemporaryDirectory(prefix=".exporting-", dir=layout.trees) as scratch:
            yield Desk(layout, locked, made, Path(scratch), sdists)
