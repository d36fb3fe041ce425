"""What a process still holds after many calls: `python -m bench.keeping OUTPUT [--calls N]`.

Run with one tree's guardrails on the path.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import warnings
from collections.abc import Callable
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


def keep(case: Case, calls: int, settle: Callable[[], object]) -> dict[str, Any]:
    """Makes calls of a kind.

    Args:
        case: The kind of call.
        calls: How many.
        settle: What waits until all that is recorded is written.

    Returns:
        `bytes`: what memory grew by a call, once warm; `files` and `threads`: how many more of them
        there were at the end than after the first calls.
    """
    measure, meter = guards.prepare(case, settle), Meter()
    for _ in range(calls // BATCH):
        measure(BATCH)
        meter.sample()
    first, last = meter.samples[0], meter.samples[-1]
    return {
        "name": case.name,
        "calls": calls,
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
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    settle = backends.set_up("opentelemetry", HOME, guards.KINDS)
    kept = []
    for case in CASES:
        kept.append(keep(case, options.calls, settle))
        print(kept[-1], flush=True)
    options.output.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
