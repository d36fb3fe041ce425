"""The cells of the matrix: a defect, a situation, and the probe that looks for it there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

Faults = list[str]
Probe = Callable[..., Faults]


@dataclass(frozen=True)
class Cell:
    """One situation in which one defect can show.

    Attributes:
        defect: The defect's id, as docs/defects.md lists them.
        situation: What is done, in a few words.
        probe: Does it and returns the faults; none where the invariant holds.
    """

    defect: str
    situation: str
    probe: Callable[[], Faults]

    @property
    def name(self) -> str:
        """The cell's name, which no other has."""
        return f"{self.defect}: {self.situation}"


CELLS: list[Cell] = []


def probes(defect: str, about: str, *axes: Sequence[str]) -> Callable[[Probe], Probe]:
    """Makes a probe a cell for each combination of what it can be called with.

    Args:
        defect: The defect that it looks for.
        about: What it looks at.
        axes: The values of each of its arguments.
    """

    def register(probe: Probe) -> Probe:
        for each in product(*axes):
            situation = ", ".join([about, *each])
            CELLS.append(Cell(defect, situation, partial(probe, *each)))
        return probe

    return register
