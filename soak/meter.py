"""Memory, threads and open files over the run, and whether they stay as they are."""

from __future__ import annotations

import gc
import math
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

# Pools reach their size at first, caches and the histories of shared Guards fill up.
WARM_UP = 0.2
# A run of fewer calls is over before memory has settled, and says nothing about it.
CALLS_TO_JUDGE_MEMORY = 10_000


def resident(process: int | str = "self") -> float:
    """A process's memory, in MiB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Sample(NamedTuple):
    """What the process holds at one moment."""

    memory: float
    threads: float
    files: float


class Flat(NamedTuple):
    """How one figure went: its medians in the first and the last quarter after warming up."""

    first: float
    last: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether it grew no more than is allowed."""
        return self.last <= self.first + self.allowed

    def __str__(self) -> str:
        figure = f"{self.first:.1f} to {self.last:.1f}"
        if self.allowed == math.inf:
            return f"{figure} (too few calls to judge)"
        return f"{figure} (+{self.allowed:.1f} allowed)"


@dataclass
class Meter:
    """Samples, a batch of calls at a time.

    Attributes:
        samples: What the process held after each batch.
    """

    samples: list[Sample] = field(default_factory=list)

    def sample(self) -> None:
        """Notes what the process holds once the garbage is out."""
        gc.collect()
        files = len(list(Path("/proc/self/fd").iterdir()))
        self.samples.append(Sample(resident(), threading.active_count(), files))


def judge(samples: list[Sample], batch: int) -> dict[str, Flat]:
    """Compares the first quarter after warming up with the last one.

    The median of a quarter is not moved by a batch that was met at an odd moment. Memory may grow
    by what the allocator does not give back, a hundredth, and by 100 bytes a call; of a short run
    it is not judged.

    Args:
        samples: The samples.
        batch: How many calls there were between two of them.
    """
    warm = samples[int(len(samples) * WARM_UP) :]
    quarter = max(1, len(warm) // 4)
    first, last = (Sample(*map(median, zip(*part, strict=True))) for part in _ends(warm, quarter))
    memory = first.memory * 0.01 + 2 + batch * len(warm) * 100 / 2**20
    enough = len(samples) * batch >= CALLS_TO_JUDGE_MEMORY
    allowed = Sample(memory if enough else math.inf, 2, 2)
    return {
        name: Flat(*values)
        for name, *values in zip(Sample._fields, first, last, allowed, strict=True)
    }


def slope(samples: list[Sample], batch: int) -> float:
    """Bytes a call that memory grows by after warming up: the median of all slopes."""
    warm = [sample.memory for sample in samples[int(len(samples) * WARM_UP) :]]
    half = max(1, len(warm) // 2)
    slopes = [(b - a) / (half * batch) for a, b in zip(warm, warm[half:], strict=False)]
    return median(slopes) * 2**20 if slopes else 0.0


def _ends(samples: list[Sample], quarter: int) -> tuple[list[Sample], list[Sample]]:
    return samples[:quarter], samples[-quarter:]
