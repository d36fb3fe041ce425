"""What a process still holds after many calls: `python -m bench.keeping OUTPUT [--calls N]`.

Run with one tree's guardrails on the path.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import shutil
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from regression.environment import prepare as prepare_environment

HOME = prepare_environment()

from soak.meter import Meter, slope  # noqa: E402

from bench import backends, guards  # noqa: E402
from bench.case import Case  # noqa: E402

CALLS, BATCH = 10_000, 200
CASES = (
    Case("Guard"),
    Case("Guard", uvloop=True),
    Case("Guard", at_once=8),
    Case("AsyncGuard", at_once=8),
)


def keep(task: tuple[Case, int]) -> dict[str, Any]:
    """Makes calls of a kind, in a process that has made no others.

    Args:
        task: The kind of call, and how many.

    Returns:
        `bytes`: what memory grew by a call, once warm; `files` and `threads`: how many more of them
        there were at the end than after the first calls.
    """
    case, calls = task
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    settle = backends.set_up("opentelemetry", HOME, guards.KINDS)
    # A loop's pool adds threads for hours, one whenever it finds none idle; many validators at once
    # ask for all that it is going to have.
    guards.prepare(replace(case, validators=len(guards.KINDS)), settle)(BATCH)
    measure, meter = guards.prepare(case, settle), Meter()
    # As published, a process runs out of files some day; then that is how far it came.
    with suppress(OSError):
        for _ in range(calls // BATCH):
            measure(BATCH)
            meter.sample()
    shutil.rmtree(HOME, ignore_errors=True)
    first, last = meter.samples[0], meter.samples[-1]
    return {
        "name": case.name,
        "calls": len(meter.samples) * BATCH,
        "bytes": slope(meter.samples, BATCH),
        "files": last.files - first.files,
        "threads": last.threads - first.threads,
    }


def main() -> None:
    """Makes the calls of each kind; writes what was kept."""
    parser = argparse.ArgumentParser(prog="bench.keeping")
    parser.add_argument("output", type=Path)
    parser.add_argument("--calls", type=int, default=CALLS)
    options = parser.parse_args()
    tasks = [(case, options.calls) for case in CASES]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        kept = []
        for each in pool.imap(keep, tasks):
            print(each, flush=True)
            kept.append(each)
    options.output.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
