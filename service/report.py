"""Prints what the runs found, and judges it: `python -m service.report FOLDER`.

"By query" is what the query for production finds; it also counts what a killed worker left behind.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

COLUMNS = (
    *("guardrails", "recorded by", "loop", "requests", "answered", "hung up", "failed", "traces"),
    *(
        "orphans",
        "by query",
        "scattered",
        "foreign",
        "misplaced",
        "p50 ms",
        "p99 ms",
        "MiB a worker",
    ),
)
_WIDTH = 180


def main(folder: Path) -> int:
    """Prints the table.

    Returns:
        1 if a patched run has a fault, or a published one shows none; else 0.
    """
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    table = Table(*COLUMNS[:3], box=box.SIMPLE_HEAD, pad_edge=False)
    for column in COLUMNS[3:]:
        table.add_column(column, justify="right")
    for run in found:
        table.add_row(*_row(run))
    Console(width=_WIDTH).print(table)
    faults = list(complaints(found))
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return int(bool(faults))


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    return (
        *(run["tree"], run["backend"], run["loop"]),
        *(f"{run[key]:,}" for key in ("requests", "answered", "hung_up", "failed", "traces")),
        f"{sum(run['orphans'].values()):,}",
        f"{run['watched']:,}",
        f"{len(run['scattered']):,}",
        f"{sum(run['foreign'].values()):,}",
        f"{len(run['misplaced']):,}",
        f"{run['p50'] * 1000:.0f}",
        f"{run['p99'] * 1000:.0f}",
        f"{max(run['memory']['before']):.0f} to {max(run['memory']['after']):.0f}",
    )


def complaints(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What is not as it has to be, one text each."""
    if not found:
        yield "there is no run to report: see what was printed above"
    for run in found:
        name = f"{run['tree']}, {run['backend']}, {run['loop']}"
        if run["tree"] == "published":
            if not run["orphans"]:
                yield f"{name}: no orphans, so the run proves nothing"
            continue
        for what in ("orphans", "foreign"):
            for span, count in run[what].items():
                yield f"{name}: {count} {what}: {span}"
        for what in ("wrong", "scattered", "misplaced"):
            if run[what]:
                yield f"{name}: {len(run[what])} {what}, such as {run[what][0]}"
        if not run["answered"]:
            yield f"{name}: no request was answered"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
