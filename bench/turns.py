"""Hops in every situation: `python -m bench.turns MODULE OUTPUT [--quick]`.

What a process measures depends a little on the process: each situation gets several.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
from pathlib import Path

from bench.hop import LOOPS, REPEATED

PROCESSES, QUICK_PROCESSES = 3, 1
ROUNDS = 25
VARIABLES = ("0", "10", "100", "1000")


def main() -> None:
    """Measures every contender in every situation."""
    parser = argparse.ArgumentParser(prog="bench.turns")
    parser.add_argument("module", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.output.unlink(missing_ok=True)
    variables = (VARIABLES[0], VARIABLES[-1]) if options.quick else VARIABLES
    loops = LOOPS[:1] if options.quick else LOOPS
    for number in range(QUICK_PROCESSES if options.quick else PROCESSES):
        print(f"processes {number + 1}", flush=True)
        for shape, loop in itertools.product(REPEATED, loops):
            command = [sys.executable, "-m", "bench.hop", str(options.module)]
            command += [str(options.output), "--shape", shape, "--loop", loop]
            command += ["--variables", *variables, "--rounds", str(ROUNDS)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
