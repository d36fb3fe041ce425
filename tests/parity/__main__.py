"""`python -m tests.parity --published DIR --patched DIR`: plays programs on both trees.

With `--programs N` and `--seed S` Hypothesis makes them; with `--replay JSON` it is one, as a
report names it. Every kind of difference is told once, with the smallest program that shows it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.parity.generate import THEMES, Theme, programs
from tests.parity.known import KINDS, kind_of
from tests.parity.pair import Pair
from tests.parity.program import Program, shown
from tests.parity.simplify import simplified
from tests.parity.table import Case, allowed


# How many programs of a theme are made before those of the next.
EACH = 10


class Hunt:
    """Looks for differences that are not allowed, and tells each kind once.

    Args:
        pair: Both trees.
        shrink: Whether to look for the smallest program of a kind.
        new: Whether to leave out kinds that are known.
    """

    def __init__(self, pair: Pair, *, shrink: bool, new: bool) -> None:
        self.pair, self.shrink, self.new = pair, shrink, new
        self.played, self.differing = 0, 0
        self.told: set[str] = set()
        self.known: dict[str, int] = {}

    def look_at(self, program: Program) -> None:
        """Plays a program, and tells what is new."""
        self.played += 1
        found = self.pair.refused(program)
        self.differing += bool(found)
        for case in found:
            self.known.setdefault(kind_of(case), self.played)
        masked = self.new and any(map(kind_of, found))
        new = [] if masked else [case for case in found if self._is_new(case)]
        if new and (flaky := self.pair.against_itself(program)):
            print(f"\n#{self.played} FLAKY\n{program.dumped()}\n{flaky[0]}", flush=True)
        elif new:
            self._tell(program, new[0])

    def _is_new(self, case: Case) -> bool:
        return case.difference.kind not in self.told

    def _tell(self, program: Program, case: Case) -> None:
        self.told.add(case.difference.kind)
        if self.shrink:
            program = simplified(program, lambda each: self._shows(each, case.difference.kind))
        found = self.pair.refused(program)
        self.told.update(each.difference.kind for each in found)
        print(f"\n#{self.played} {program.dumped()}\n{shown(program)}", flush=True)
        for each in found:
            print(f"[{kind_of(each)}] {each.difference}", flush=True)

    def _shows(self, program: Program, kind: str) -> bool:
        return kind in {each.difference.kind for each in self.pair.refused(program)}


def main() -> None:
    """Plays, and tells."""
    parser = argparse.ArgumentParser(prog="tests.parity")
    parser.add_argument("--published", type=Path, required=True)
    parser.add_argument("--patched", type=Path, required=True)
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", type=Program.loaded)
    parser.add_argument("--known", action="store_true", help="play the examples")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--new", action="store_true", help="leave out kinds that are known")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Pair(options.published, options.patched, Path(folder)) as pair:
        if options.replay:
            replay(pair, options.replay)
        elif options.known:
            play_known(pair)
        else:
            hunting = Hunt(pair, shrink=not options.no_shrink, new=options.new)
            hunt(hunting, options.programs, options.seed)


def play_known(pair: Pair) -> None:
    """Plays the examples, and says for each whether it shows its kind."""
    for kind in KINDS:
        for program in kind.programs:
            found = pair.refused(program)
            shows = any(kind.shows(case) for case in found)
            print(f"{'shows' if shows else 'DOES NOT SHOW'} {kind.name}\n  {program.dumped()}")
            print(*(f"  {case.difference}" for case in found), sep="\n", flush=True)


def replay(pair: Pair, program: Program) -> None:
    """Plays one program, and tells all that was seen."""
    print(shown(program))
    for name, observed in zip(("published", "patched"), pair.observe(program), strict=True):
        print(f"\n{name}:")
        for when, who, what in observed.pop("log", []):
            print(f"  {when:8.3f} {who}: {what}")
        for kind, lines in observed.items():
            print(*(f"  {kind}: {line}" for line in lines), sep="\n")
    print("\nflaky:", *pair.against_itself(program), "\ndifferences:", *_told(pair.cases(program)), sep="\n")


def _told(cases: list[Case]) -> list[str]:
    return [
        f"{case.difference}\n    {f'allowed: {entry.name}' if entry else kind_of(case)}"
        for case, entry in allowed(cases)
    ]


def hunt(hunting: Hunt, number: int, start: int) -> None:
    """Plays many programs."""
    begun, played = time.monotonic(), set()

    def look(program: Program) -> None:
        if program not in played and len(played) < number:
            played.add(program)
            hunting.look_at(program)

    for turn in count(start * 1000):
        if len(played) >= number:
            break
        for theme in THEMES.values():
            make(theme, turn, look)
    print(f"\n{len(played)} programs in {time.monotonic() - begun:.0f} s, {hunting.differing} differ")
    for kind in KINDS:
        print(f"{kind.name}: {hunting.known.get(kind.name, 'not met')}")


def make(theme: Theme, start: int, look: Callable[[Program], None]) -> None:
    """Has Hypothesis make some programs of a theme."""
    quiet = list(HealthCheck)

    @seed(start)
    @settings(max_examples=EACH, phases=[Phase.generate], database=None, deadline=None, suppress_health_check=quiet)
    @given(programs(theme))
    def run(program: Program) -> None:
        look(program)

    run()


if __name__ == "__main__":
    main()
