"""Medians, spreads and ratios of what was measured in rounds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, quantiles
from typing import NamedTuple


class Spread(NamedTuple):
    """The median of some figures, and the quartiles around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        """The spread of some figures, two of them or more."""
        low, _, high = quantiles(figures, n=4, method="inclusive")
        return cls(median(figures), low, high)


def ratio(figures: Sequence[float], bases: Sequence[float]) -> Spread:
    """How figures compare with those that were measured in the same rounds."""
    return Spread.of([figure / base for figure, base in zip(figures, bases, strict=True)])
