"""The figures, and the bars that they have to clear."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from soak.ledger import Ledger
from soak.meter import Sample, judge, slope

Row = tuple[str, str, bool]
# How many different faults are shown.
SHOWN = 12


@dataclass
class Outcome:
    """What came of the calls.

    Attributes:
        calls: How many calls there were.
        batch: How many at a time.
        samples: What the process held after each batch.
        wrong: What was wrong with calls, and how often.
        ended: How calls ended, and how often.
        took: How many seconds it took.
    """

    calls: int
    batch: int
    samples: list[Sample] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    took: float = 0


def report(outcome: Outcome, ledger: Ledger) -> int:
    """Prints a table; returns how many bars were missed."""
    rows = [*_count_rows(outcome, ledger), *_flat_rows(outcome)]
    ends = ", ".join(f"{end} {count}" for end, count in sorted(outcome.ended.items()))
    grown = slope(outcome.samples, outcome.batch)
    print(f"\n{outcome.calls} calls, {outcome.batch} at a time, in {outcome.took:.0f} s")
    print(f"ends: {ends[:500]}")
    print(f"memory: {grown:+.0f} bytes a call after warming up\n")
    for name, figure, held in rows:
        print(f"  {name:<26} {figure:<42} {'holds' if held else 'MISSED'}")
    for fault, count in (outcome.wrong + ledger.orphans + ledger.foreign).most_common(SHOWN):
        print(f"  {count:6} x {fault}")
    return sum(not held for _, _, held in rows)


def _count_rows(outcome: Outcome, ledger: Ledger) -> list[Row]:
    orphans, foreign, wrong = (
        counter.total() for counter in (ledger.orphans, ledger.foreign, outcome.wrong)
    )
    endings = sum(count for end, count in outcome.ended.items() if end.startswith("wrong"))
    return [
        ("orphans", f"{orphans} of {ledger.spans} spans", orphans == 0),
        ("spans with another's data", f"{foreign}", foreign == 0),
        ("foreign or lost values", f"{wrong}", wrong == 0),
        ("calls with another end", f"{endings}", endings == 0),
    ]


def _flat_rows(outcome: Outcome) -> list[Row]:
    names = {"memory": "memory, MiB", "threads": "threads", "files": "open files"}
    return [
        (names[name], str(flat), flat.holds)
        for name, flat in judge(outcome.samples, outcome.batch).items()
    ]
