"""`python -m tests.parity --published DIR --patched DIR`: plays programs on both trees.

With `--programs N` and `--seed S` Hypothesis makes them; with `--replay JSON` it is one, as a
report names it; with `--known` they are the examples. Each kind of difference is told once.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.parity.hunt import Hunt, made
from tests.parity.known import KINDS, kind_of
from tests.parity.pair import Pair
from tests.parity.program import Program, shown
from tests.parity.table import Case, allowed


def main() -> None:
    """Plays, and tells."""
    options = _options()
    with (
        tempfile.TemporaryDirectory() as folder,
        Pair(options.published, options.patched, Path(folder)) as pair,
    ):
        if options.replay:
            replay(pair, options.replay)
        elif options.known:
            play_known(pair)
        else:
            hunt(Hunt(pair, shrink=options.shrink, new=options.new), options.programs, options.seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.parity")
    parser.add_argument("--published", type=Path, required=True)
    parser.add_argument("--patched", type=Path, required=True)
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", type=Program.loaded)
    parser.add_argument("--known", action="store_true", help="play the examples")
    parser.add_argument("--shrink", type=int, default=80, help="smaller programs tried a report")
    parser.add_argument("--new", action="store_true", help="leave out what is known")
    return parser.parse_args()


def hunt(hunting: Hunt, number: int, start: int) -> None:
    """Plays many programs."""
    begun = time.monotonic()
    for program in made(number, start):
        if report := hunting.look_at(program):
            print(f"\n#{hunting.played} {report}", flush=True)
    took = time.monotonic() - begun
    print(f"\n{hunting.played} programs in {took:.0f} s, {hunting.differing} differ")
    for kind in KINDS:
        print(f"{kind.name}: first at {hunting.met.get(kind.name, 'none')}")


def play_known(pair: Pair) -> None:
    """Plays the examples, and says for each whether it shows its kind."""
    for kind in KINDS:
        for program in kind.programs:
            found = pair.refused(program)
            shows = any(kind.shows(case) for case in found)
            print(f"{'shows' if shows else 'does not show'} {kind.name}\n  {program.dumped()}")
            print(*(f"  {case.difference}" for case in found), sep="\n", flush=True)


def replay(pair: Pair, program: Program) -> None:
    """Plays one program, and tells all that was seen."""
    print(shown(program))
    for name, observed in zip(("published", "patched"), pair.observe(program), strict=True):
        print(f"\n{name}:")
        for when, who, what in observed.pop("log", []):
            print(f"  {when:8.3f} {who}: {what}")
        for kind, lines in observed.items():
            for line in lines:
                print(f"  {kind}: {line}")
    print("\nflaky:", *pair.against_itself(program), sep="\n")
    print("\ndifferences:", *_told(pair.cases(program)), sep="\n")


def _told(cases: list[Case]) -> list[str]:
    return [
        f"{case.difference}\n    {f'allowed: {entry.name}' if entry else kind_of(case)}"
        for case, entry in allowed(cases)
    ]


if __name__ == "__main__":
    main()
