"""Whole Guards of two trees in turns: `python -m bench.rounds PUBLISHED PATCHED FOLDER [--quick]`.

Each tree's guardrails is in a process of its own, and only one of the two is at work. Machines are
noisy, and slower for seconds at a time: a round measures both, and only rounds are compared.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.case import BACKENDS, Case, calls, streams
from bench.process import Process
from bench.stats import ratio

# How long one process measures in one round, in seconds.
SHARE = 0.25
ROUNDS, QUICK_ROUNDS = 11, 5


@dataclass(frozen=True)
class Side:
    """One of the two that are compared.

    Attributes:
        tree: The folder whose guardrails is used.
        backend: Who records its spans.
    """

    tree: Path
    backend: str

    @property
    def name(self) -> str:
        """What a log is called."""
        return f"{self.tree.name}-{self.backend}"


def compare(pair: dict[str, Process], case: Case, rounds: int) -> dict[str, Any]:
    """Measures a case in turns.

    Args:
        pair: What is compared, `ours` with `base`.
        case: The kind of call.
        rounds: How often each of the two measures.

    Returns:
        The case's name, how many calls each round has, and for both their figures by round.
    """
    share = min(_share(process, case) for process in pair.values())
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in pair}
    for number in range(rounds):
        for name in sorted(pair, reverse=number % 2 == 1):
            figures[name].append(pair[name].ask(calls=share))
    return {"name": case.name, "calls": share, **figures}


def _share(process: Process, case: Case) -> int:
    """How many calls it makes in its share of a round; all is imported and warm then."""
    process.ask(case=asdict(case))
    process.ask(calls=2 * case.at_once)
    figures = process.ask(calls=2 * case.at_once)
    call = figures["chunk"] * case.chunks if case.chunks else figures["wall"]
    return max(int(SHARE / call), case.at_once)


def measured(
    base: Side, ours: Side, cases: list[Case], rounds: int, folder: Path
) -> Iterator[dict[str, Any]]:
    """Compares two sides in every case."""
    with ExitStack() as stack:
        pair = {
            name: stack.enter_context(Process(side.tree, side.backend, folder / f"{side.name}.log"))
            for name, side in (("base", base), ("ours", ours))
        }
        for case in cases:
            result = compare(pair, case, rounds)
            print(line(ours.backend, result), flush=True)
            yield {"backend": ours.backend, **result}


def line(backend: str, result: dict[str, Any]) -> str:
    """A comparison in one line: the medians of its ratios."""
    ratios = {
        name: ratio(*([each[name] for each in result[side]] for side in ("ours", "base"))).median
        for name in result["base"][0]
    }
    figures = ", ".join(f"{name} {figure:.2f}" for name, figure in ratios.items())
    return f"{backend:<14} {result['name']:<44} {figures}"


def main() -> None:
    """Measures all cases; writes guards.json and streams.json."""
    parser = argparse.ArgumentParser(prog="bench.rounds")
    parser.add_argument("published", type=Path)
    parser.add_argument("patched", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="a part of the names of what to measure")
    options = parser.parse_args()
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    for topic, choose in (("guards", calls), ("streams", streams)):
        results: list[dict[str, Any]] = []
        for backend in BACKENDS:
            base, ours = Side(options.published, backend), Side(options.patched, backend)
            if topic == "streams" and backend == "mlflow":
                # Upstream cannot trace these: what tracing costs is all there is to say.
                base = Side(options.patched, "off")
            cases = [
                case
                for case in choose(backend, quick=options.quick)
                if options.only in f"{topic} {backend} {case.name}"
            ]
            if cases:
                results += measured(base, ours, cases, rounds, options.folder)
        text = json.dumps(results, indent=1)
        (options.folder / f"{topic}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
