"""Whole Guards of two trees in turns: `python -m bench.rounds PUBLISHED PATCHED FOLDER [--quick]`.

Each tree's guardrails is in a process of its own, and only one of the two is at work. Machines are
noisy, and slower for seconds at a time: a round measures both, and only rounds are compared.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench.bars import GUARD, PLAIN
from bench.case import (
    BACKENDS,
    Case,
    calls,
    calls_with_many_variables,
    calls_with_uvloop,
    streams,
)
from bench.process import Process
from bench.stats import ratio

# How long one process measures in one round, in seconds.
SHARE = 0.25
ROUNDS, QUICK_ROUNDS = 7, 5
# A bar is held or missed by hundredths.
ROUNDS_FOR_BARS = 21


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


Sides = tuple[Side, Side]
# What either side does.
Cases = tuple[Case, Case]


def compare(
    pair: dict[str, Process], cases: Cases, rounds: int
) -> dict[str, list[dict[str, float]]]:
    """Measures in turns.

    Args:
        pair: What is compared, `ours` with `base`.
        cases: What `base` does and what `ours` does: the same, or what is to cost the same.
        rounds: How often each of the two measures.

    Returns:
        The figures of both, round by round.
    """
    chosen = dict(zip(pair, cases, strict=True))
    share = min(_share(pair[name], case) for name, case in chosen.items())
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in pair}
    for number in range(rounds):
        for name in sorted(pair, reverse=number % 2 == 1):
            figures[name].append(pair[name].ask(calls=share))
    return figures


def _share(process: Process, case: Case) -> int:
    """How many calls it makes in its share of a round; all is imported and warm then."""
    process.ask(case=asdict(case))
    process.ask(calls=2 * case.at_once)
    figures = process.ask(calls=2 * case.at_once)
    call = figures["chunk"] * case.chunks if case.chunks else figures["wall"]
    return max(int(SHARE / call), case.at_once)


def measured(
    sides: Sides, cases: Iterable[Cases], folder: Path, *, quick: bool
) -> Iterator[dict[str, Any]]:
    """Compares two sides, ours last, in every case."""
    backend = sides[1].backend
    with ExitStack() as stack:
        pair = {
            name: stack.enter_context(Process(side.tree, side.backend, folder / f"{name}.log"))
            for name, side in zip(("base", "ours"), sides, strict=True)
        }
        for both in cases:
            figures = compare(pair, both, _rounds(both[1], backend, quick=quick))
            result = {"backend": backend, "name": both[1].name, **figures}
            print(line(result), flush=True)
            yield result


def _rounds(case: Case, backend: str, *, quick: bool) -> int:
    if quick:
        return QUICK_ROUNDS
    held_to_a_bar = backend in GUARD and PLAIN.fullmatch(case.name)
    return ROUNDS_FOR_BARS if held_to_a_bar else ROUNDS


def line(result: dict[str, Any]) -> str:
    """A comparison in one line: the medians of its ratios."""
    ratios = {
        name: ratio(*([each[name] for each in result[side]] for side in ("ours", "base"))).median
        for name in result["base"][0]
    }
    figures = ", ".join(f"{name} {figure:.2f}" for name, figure in ratios.items())
    return f"{result['backend']:<14} {result['name']:<48} {figures}"


@dataclass(frozen=True)
class Topic:
    """What is measured for one file of results.

    Attributes:
        name: The file's name.
        choose: Which cases there are with a backend.
        sides: Who is compared, with a backend.
        base: What the base does, for what ours does.
    """

    name: str
    choose: Callable[..., Iterable[Case]]
    sides: Callable[[str], Sides]
    base: Callable[[Case], Case] = lambda case: case


def topics(published: Path, patched: Path) -> tuple[Topic, ...]:
    """Everything that is measured.

    Args:
        published: The folder with guardrails as published.
        patched: The folder with the patched one.
    """

    def trees(backend: str) -> Sides:
        return Side(published, backend), Side(patched, backend)

    def streaming(backend: str) -> Sides:
        # With MLflow upstream cannot do it: what tracing costs is all there is to say.
        base = Side(patched, "off") if backend == "mlflow" else Side(published, backend)
        return base, Side(patched, backend)

    def itself(backend: str) -> Sides:
        return Side(patched, backend), Side(patched, backend)

    return (
        Topic("guards", calls, trees),
        Topic("guards-uvloop", calls_with_uvloop, trees),
        Topic("growth", calls_with_many_variables, itself, lambda c: replace(c, variables=0)),
        Topic("streams", streams, streaming),
    )


def main() -> None:
    """Measures all cases; writes a file for each topic."""
    parser = argparse.ArgumentParser(prog="bench.rounds")
    parser.add_argument("published", type=Path)
    parser.add_argument("patched", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="a part of the names of what to measure")
    options = parser.parse_args()
    for topic in topics(options.published, options.patched):
        results: list[dict[str, Any]] = []
        for backend in BACKENDS:
            cases = [
                (topic.base(case), case)
                for case in topic.choose(backend, quick=options.quick)
                if options.only in f"{topic.name} {backend} {case.name}"
            ]
            if cases:
                sides = topic.sides(backend)
                results += measured(sides, cases, options.folder, quick=options.quick)
            # What is measured is kept, even if the rest is not.
            text = json.dumps(results, indent=1)
            (options.folder / f"{topic.name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
