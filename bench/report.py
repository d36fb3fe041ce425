"""Tables, pictures and the page of what was measured: `python -m bench.report FOLDER [PAGE]`."""

from __future__ import annotations

import datetime
import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from bench import tables
from bench.bars import Bar, bars
from bench.tables import HopCell, Table

# A pipe or a log has no width of its own.
WIDTH = 150
PACKAGES = ("mlflow", "opentelemetry-sdk", "uvloop", "anyio", "asgiref", "langchain-core")
HEADER = """\
<!-- Written by `nox -s bench` from what it measured. Do not edit: run it again. -->

# Performance

What the patches cost, and what they save, on 0.11.0. Ratios compare figures of the same round;
spreads are quartiles over the rounds. Times are of this machine and depend on it, ratios hardly do.

To repeat it: `make bench`, three quarters of an hour on two cores. `make bench QUICK=1` takes two
minutes, and leaves this page as it is. Both write figures as JSON, and pictures of them, to
`out/bench/`.
"""
ABOUT = {
    "One hop": "A function that does nothing, run in a worker thread of the same core: one after"
    " another, and 100 gathered; on two event loops; with 0 to 1,000 ContextVars around it. The"
    " bare call, which carries nothing, in microseconds, everybody else as a ratio to it."
    " Context.run alone is the floor: the least that carries a context, and nobody's executor.",
    "Whole Guards": "`validate` with validators that pass at once. CPU is the whole process's,"
    " until all spans are written. With MLflow the validators are exported from the hub, since"
    " upstream traces no others. Without a word on uvloop, guardrails does not find it.",
    "Growth": "A patched Guard with 1,000 ContextVars around it, and one without, in turns.",
    "Streams": "An LLM that answers in 100 chunks at once: the time until the first chunk is"
    " there, and the time for each one after it. MLflow's are compared with untraced patched ones:"
    " upstream cannot trace streams with MLflow.",
    "What stays": "After the first 200 calls: what memory grows by a call, and how many more files"
    " and threads there are at the end, with OpenTelemetry recording. 10,000 calls were to be made:"
    " where there are fewer, the process could open no more files.",
    "The tools": "This project's own commands in a fresh clone. The package index is asked over the"
    " network.",
}


def bar_table(found: Iterable[Bar]) -> Table:
    """The bars, and how they are held."""
    table = Table("Bars", ["", "at most", "worst", "held"])
    for bar in found:
        table.rows.append([bar.name, f"{bar.bar:g}", bar.worst, f"{bar.held} of {bar.cases}"])
    return table


def all_tables(folder: Path, cells: dict[HopCell, list[float]]) -> list[Table]:
    """Every table of which there are figures: those of a folder, and the hops."""
    found = [
        bar_table(bars(folder, cells)),
        *tables.hop_tables(cells),
        *tables.guard_tables(tables.load_guards(folder)),
        tables.growth_table(tables.load(folder / "growth.json")),
        tables.stream_table(tables.load(folder / "streams.json")),
        tables.keeping_table(folder),
        tables.tool_table(tables.load(folder / "tools.json")),
    ]
    return [table for table in found if table.rows]


def show(table: Table, console: Console) -> None:
    """Prints a table."""
    printed = RichTable(title=table.title, box=box.SIMPLE_HEAD, title_justify="left")
    for index, name in enumerate(table.head):
        printed.add_column(name, justify="right" if index else "left")
    for row in table.rows:
        printed.add_row(*row)
    console.print(printed)


def page(found: Iterable[Table], environment: str) -> str:
    """The tables as a page in Markdown."""
    parts, topic = [HEADER], ""
    for table in found:
        name, _, detail = table.title.partition(", ")
        if name != topic:
            parts += [f"## {name}\n", *([f"{ABOUT[name]}\n"] if name in ABOUT else [])]
            topic = name
        parts += [f"### {detail}\n"] * bool(detail)
        aligned = ["---", *["--:"] * (len(table.head) - 1)]
        lines = [table.head, aligned, *table.rows]
        parts += [*("| " + " | ".join(line) + " |" for line in lines), ""]
    return "\n".join([*parts, "## Measured on\n", environment, ""])


def environment() -> str:
    """What it was measured on, in a sentence."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{datetime.date.today().isoformat()}, {os.cpu_count()} cores ({platform.machine()},"
        f" {platform.system()}), Python {platform.python_version()} where none is named;"
        f" {packages}."
    )


def main(folder: Path, to: Path | None) -> None:
    """Prints the tables, draws the pictures, and writes the page if one is named."""
    from bench.plots import plot_guards, plot_hops

    cells, whole = tables.hops(folder), tables.load_guards(folder)
    found = all_tables(folder, cells)
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    for table in [*found[1:], found[0]]:
        show(table, console)
    if cells:
        plot_hops(cells, folder / "hops.svg")
    if whole:
        plot_guards(whole, folder / "guards.svg")
    if to is not None:
        to.write_text(page(found, environment()), encoding="utf-8")
    console.print(f"figures and pictures: {folder}" + (f"; page: {to}" if to else ""))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else None)
