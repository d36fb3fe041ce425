"""The figures as tables; what prints them does not matter here."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.case import BACKENDS
from bench.peers import BARE, OURS
from bench.stats import Spread, ratio

FIGURES = {"cpu": "CPU", "wall": "wall", "first": "first chunk", "chunk": "a chunk"}


@dataclass
class Table:
    """A table.

    Attributes:
        title: What it shows.
        head: The names of its columns; all but the first have figures.
        rows: Its rows.
    """

    title: str
    head: list[str]
    rows: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class HopCell:
    """What one contender needs for a hop in one situation.

    Attributes:
        python: The minor version of Python.
        shape: `sequential` or `gather`.
        variables: How many ContextVars the caller has.
        loop: `asyncio` or `uvloop`.
        name: The contender.
    """

    python: str
    shape: str
    variables: int
    loop: str
    name: str

    def of(self, name: str) -> HopCell:
        """The same situation with another contender."""
        return HopCell(self.python, self.shape, self.variables, self.loop, name)


def hops(folder: Path) -> dict[HopCell, list[float]]:
    """Seconds a hop, round by round, from what pyperf has kept."""
    import pyperf

    found: dict[HopCell, list[float]] = {}
    for file in sorted(folder.glob("hop-*.json")):
        for benchmark in pyperf.BenchmarkSuite.load(str(file)).get_benchmarks():
            shape, variables, loop, name = benchmark.get_name().split("|")
            cell = HopCell(file.stem.removeprefix("hop-"), shape, int(variables), loop, name)
            found[cell] = list(benchmark.get_values())
    return found


def hop_tables(cells: dict[HopCell, list[float]]) -> list[Table]:
    """A table for each Python: every contender as a ratio to the bare call in the same round."""
    tables = []
    for python in dict.fromkeys(cell.python for cell in cells):
        own = [cell for cell in cells if cell.python == python]
        columns = list(dict.fromkeys((cell.shape, cell.loop, cell.variables) for cell in own))
        columns.sort(key=lambda column: (column[0] != "sequential", column[1], column[2]))
        head = [f"{shape}, {loop}, {variables:,}" for shape, loop, variables in columns]
        table = Table(f"One hop, Python {python}", ["ratio to bare", *head])
        for name in dict.fromkeys(cell.name for cell in own):
            row = [HopCell(python, shape, count, loop, name) for shape, loop, count in columns]
            table.rows.append([name, *(_hop(cells, cell) for cell in row)])
        tables.append(table)
    return tables


def _hop(cells: dict[HopCell, list[float]], cell: HopCell) -> str:
    if cell not in cells:
        return ""
    if cell.name == BARE:
        return f"{Spread.of(cells[cell]).median * 1e6:.1f} µs"
    return f"{ratio(cells[cell], cells[cell.of(BARE)]).median:.2f}"


def load(file: Path) -> list[dict[str, Any]]:
    """What was measured of one topic; nothing, if it was not measured."""
    if not file.exists():
        return []
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def load_guards(folder: Path) -> list[dict[str, Any]]:
    """What was measured of whole Guards."""
    return [*load(folder / "guards.json"), *load(folder / "guards-uvloop.json")]


def compared(result: dict[str, Any], figure: str) -> tuple[Spread, Spread, Spread]:
    """What a comparison came to: the base's figure, ours, and the ratio."""
    base, ours = ([each[figure] for each in result[side]] for side in ("base", "ours"))
    return Spread.of(base), Spread.of(ours), ratio(ours, base)


def guard_tables(results: list[dict[str, Any]]) -> list[Table]:
    """A table for each backend: CPU a call as published and patched."""
    by_backend: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        by_backend[result["backend"]].append(result)
    return [_guard_table(backend, each) for backend, each in by_backend.items()]


def _guard_table(backend: str, results: list[dict[str, Any]]) -> Table:
    head = ["CPU a call", "published, ms", "patched, ms", "ratio", "spread", "patched, calls/s"]
    table = Table(f"Whole Guards, {BACKENDS[backend]}", head)
    for result in results:
        base, ours, both = compared(result, "cpu")
        wall = compared(result, "wall")[1].median
        figures = [f"{base.median * 1e3:.3f}", f"{ours.median * 1e3:.3f}", f"{both.median:.2f}"]
        # MLflow writes spans after the call: how many calls it keeps up with, this does not tell.
        rate = "" if backend == "mlflow" else f"{1 / wall:,.0f}"
        spread = f"{both.low:.2f} to {both.high:.2f}"
        table.rows.append([result["name"], *figures, spread, rate])
    return table


def growth_table(results: list[dict[str, Any]]) -> Table:
    """CPU a call with many ambient variables, to the same call with none."""
    table = Table("Growth", ["CPU a call", "without, ms", "with, ms", "ratio", "spread"])
    for result in results:
        base, ours, both = compared(result, "cpu")
        figures = [f"{base.median * 1e3:.3f}", f"{ours.median * 1e3:.3f}", f"{both.median:.2f}"]
        name = f"{BACKENDS[result['backend']]}: {result['name']}"
        table.rows.append([name, *figures, f"{both.low:.2f} to {both.high:.2f}"])
    return table


def stream_table(results: list[dict[str, Any]]) -> Table:
    """First chunks, and what each one after it costs; MLflow's beside untraced ones."""
    head = ["stream", "first, ms", "ratio", "a chunk, µs", "ratio", "spread"]
    table = Table("Streams", head)
    for result in results:
        _, first, first_ratio = compared(result, "first")
        _, chunk, chunk_ratio = compared(result, "chunk")
        name = f"{BACKENDS[result['backend']]}: {result['name']}"
        spread = f"{chunk_ratio.low:.2f} to {chunk_ratio.high:.2f}"
        figures = [f"{first.median * 1e3:.2f}", f"{first_ratio.median:.2f}"]
        figures += [f"{chunk.median * 1e6:.0f}", f"{chunk_ratio.median:.2f}"]
        table.rows.append([name, *figures, spread])
    return table


def keeping_table(folder: Path) -> Table:
    """What is kept of many calls, as published and patched."""
    table = Table("What stays", ["calls", "tree", "bytes a call", "files", "threads"])
    sides = {side: load(folder / f"keeping-{side}.json") for side in ("published", "patched")}
    for index, _ in enumerate(sides["patched"]):
        for side, results in sides.items():
            kept = results[index]
            name = f"{kept['calls']:,} x {kept['name']}"
            figures = [f"{kept[what]:+.0f}" for what in ("bytes", "files", "threads")]
            table.rows.append([name, side, *figures])
    return table


def tool_table(results: list[dict[str, Any]]) -> Table:
    """How long this project's own commands take."""
    table = Table("The tools", ["command", "what is there", "seconds"])
    for each in results:
        table.rows.append([each["command"], each["finds"], f"{each['seconds']:.1f}"])
    return table


def contenders_beaten(cells: dict[HopCell, list[float]]) -> dict[HopCell, float]:
    """Our hop as a ratio to everybody else's, in every situation."""
    return {
        cell: ratio(cells[cell.of(OURS)], values).median
        for cell, values in cells.items()
        if cell.name != OURS
    }
