"""What the scenario is played on: released trees and patched ones."""

from __future__ import annotations

from dataclasses import dataclass

from scripts import lock, pins


@dataclass(frozen=True)
class Subject:
    """A guardrails-ai to play the scenario on.

    Attributes:
        release: Its release.
        patched: Whether it is built from this project's tree, and not as published.
        note: What is special about it, in a few words.
    """

    release: str
    patched: bool = False
    note: str = ""

    @property
    def name(self) -> str:
        """The name that people read."""
        return f"{self.release} {'patched' if self.patched else 'as published'}"

    @property
    def slug(self) -> str:
        """The name of its files, environment and MLflow experiment."""
        return f"{'patched' if self.patched else 'published'}-{self.release}"

    @property
    def requirement(self) -> str:
        """What to install, seen from the project's folder."""
        return f"./guardrails/{self.release}" if self.patched else f"guardrails-ai=={self.release}"

    @property
    def pins(self) -> str:
        """The versions that the tests of the nearest release have, MLflow's among them."""
        old = self.release.startswith("0.6.")
        return f"requirements/{pins.of('0.6.0' if old else self.release)}.txt"


_LATEST = list(lock.load())[-1]
_REPORTED = Subject("0.6.0", note="the release of the report")
_HOTFIXED = Subject("0.6.1", note="upstream's own fix")
_NEWEST = Subject(_LATEST, note="the newest release")
_REPORTED_PATCHED = Subject("0.6.0", patched=True)
_NEWEST_PATCHED = Subject(_LATEST, patched=True)

SUBJECTS = (_REPORTED, _HOTFIXED, _NEWEST, _REPORTED_PATCHED, _NEWEST_PATCHED)

# Each published tree beside the patched one of its minor version.
COMPARISONS = (
    (_REPORTED, _REPORTED_PATCHED),
    (_HOTFIXED, _REPORTED_PATCHED),
    (_NEWEST, _NEWEST_PATCHED),
)
