"""Which pinned requirements serve a release: `requirements/<release>.txt`."""

from __future__ import annotations

from scripts.layout import ROOT
from scripts.lock import order, valid_version

FOLDER = ROOT / "requirements"


def releases() -> tuple[str, ...]:
    """Return the releases that have requirements of their own, oldest first."""
    return tuple(
        sorted(filter(valid_version, (path.stem for path in FOLDER.glob("*.in"))), key=order)
    )


def of(release: str) -> str:
    """Return the release whose requirements serve another: itself, or the next newer with some.

    A release that is newer than all of them is tried with the newest requirements there are.
    """
    having = releases()
    return next((other for other in having if order(other) >= order(release)), having[-1])
