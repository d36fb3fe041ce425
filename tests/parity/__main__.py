"""`python -m tests.parity --published DIR --patched DIR`: plays programs on both trees.

With `--programs N` and `--seed S` Hypothesis makes them; with `--replay JSON` it is one, as a
report names it. Every kind of difference is told once, with the smallest program that shows it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.parity.compare import Difference
from tests.parity.generate import programs
from tests.parity.pair import Pair
from tests.parity.program import Program, shown
from tests.parity.simplify import simplified


class Hunt:
    """Looks for differences, and tells each kind once.

    Args:
        pair: Both trees.
        shrink: Whether to look for the smallest program of a kind.
    """

    def __init__(self, pair: Pair, *, shrink: bool) -> None:
        self.pair, self.shrink = pair, shrink
        self.played, self.differing = 0, 0
        self.kinds: dict[str, Program] = {}

    def look_at(self, program: Program) -> None:
        """Plays a program, and tells what is new."""
        self.played += 1
        found = self.pair.compare(program)
        self.differing += bool(found)
        new = [each for each in found if each.kind not in self.kinds]
        if new and (flaky := self.pair.against_itself(program)):
            print(f"\n#{self.played} FLAKY\n{program.dumped()}\n{flaky[0]}", flush=True)
            return
        for difference in new:
            if difference.kind not in self.kinds:
                self._tell(program, difference)

    def _tell(self, program: Program, difference: Difference) -> None:
        self.kinds[difference.kind] = program
        if self.shrink:
            program = simplified(program, lambda each: self._shows(each, difference.kind))
        found = self.pair.compare(program)
        self.kinds.update({each.kind: program for each in found})
        print(f"\n#{self.played} {program.dumped()}\n{shown(program)}", flush=True)
        print(*found, sep="\n", flush=True)

    def _shows(self, program: Program, kind: str) -> bool:
        return kind in {each.kind for each in self.pair.compare(program)}


def main() -> None:
    """Plays, and tells."""
    parser = argparse.ArgumentParser(prog="tests.parity")
    parser.add_argument("--published", type=Path, required=True)
    parser.add_argument("--patched", type=Path, required=True)
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", type=Program.loaded)
    parser.add_argument("--no-shrink", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Pair(options.published, options.patched, Path(folder)) as pair:
        if options.replay:
            replay(pair, options.replay)
        else:
            hunt(Hunt(pair, shrink=not options.no_shrink), options.programs, options.seed)


def replay(pair: Pair, program: Program) -> None:
    """Plays one program, and tells all that was seen."""
    print(shown(program))
    for name, observed in zip(("published", "patched"), pair.observe(program), strict=True):
        print(f"\n{name}:")
        for when, who, what in observed.pop("log", []):
            print(f"  {when:8.3f} {who}: {what}")
        for kind, lines in observed.items():
            print(*(f"  {kind}: {line}" for line in lines), sep="\n")
    print("\nflaky:", *pair.against_itself(program), "\ndifferences:", *pair.compare(program), sep="\n")


def hunt(hunting: Hunt, number: int, start: int) -> None:
    """Plays many programs."""
    begun = time.monotonic()

    @seed(start)
    @settings(
        max_examples=number,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(programs())
    def look(program: Program) -> None:
        hunting.look_at(program)

    look()
    took = time.monotonic() - begun
    print(f"\n{hunting.played} programs in {took:.0f} s, {hunting.differing} differ, {len(hunting.kinds)} kinds")


if __name__ == "__main__":
    main()
