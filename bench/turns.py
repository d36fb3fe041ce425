"""Hops of every contender in turns: `python -m bench.turns MODULE OUTPUT [--quick]`.

pyperf measures one contender to its end before the next, and machines are slower for seconds at a
time: so each round measures all of them, in a process each, and only rounds are compared.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
from pathlib import Path

from bench.hop import LOOPS, SHAPES, VARIABLES

ROUNDS, QUICK_ROUNDS = 4, 3
# How many hops, or gathers of 100 hops, make one value.
LOOPS_OF = {"sequential": 1000, "gather": 20}
ONE_VALUE_EACH = ("--processes=1", "--warmups=1", "--values=3", "--quiet")


def main() -> None:
    """Measures every contender in every situation, all of them once a round."""
    parser = argparse.ArgumentParser(prog="bench.turns")
    parser.add_argument("module", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.output.unlink(missing_ok=True)
    variables = (0, 1000) if options.quick else VARIABLES
    loops = LOOPS[:1] if options.quick else LOOPS
    for number in range(QUICK_ROUNDS if options.quick else ROUNDS):
        print(f"round {number + 1}", flush=True)
        for shape, count, loop in itertools.product(SHAPES, variables, loops):
            command = [sys.executable, "-m", "bench.hop", str(options.module)]
            command += ["--shape", shape, "--variables", str(count), "--loop", loop]
            command += [*ONE_VALUE_EACH, f"--loops={LOOPS_OF[shape]}"]
            command += ["--inherit-environ=PYTHONPATH", "--append", str(options.output)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
