"""The figures as pictures, in SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

from bench.case import BACKENDS
from bench.peers import BARE, OURS
from bench.stats import Spread
from bench.tables import HopCell, compared

mpl.use("svg")
# The same figures make the same file.
mpl.rcParams["svg.hashsalt"] = "bench"
MANY_HOPS = "gather"


def plot_hops(cells: dict[HopCell, list[float]], file: Path) -> None:
    """Microseconds a hop over ambient variables, a panel for each Python, each contender a line."""
    from matplotlib import pyplot

    pythons = list(dict.fromkeys(cell.python for cell in cells))
    figure, panels = pyplot.subplots(
        1, len(pythons), figsize=(4 * len(pythons), 4), sharey=True, squeeze=False
    )
    for panel, python in zip(panels[0], pythons, strict=True):
        own = [c for c in cells if (c.python, c.shape, c.loop) == (python, MANY_HOPS, "asyncio")]
        counts = sorted({cell.variables for cell in own})
        for name in dict.fromkeys(cell.name for cell in own):
            line = [
                Spread.of(cells[HopCell(python, MANY_HOPS, count, "asyncio", name)]).median * 1e6
                for count in counts
            ]
            width = 2.5 if name in (BARE, OURS) else 1
            panel.plot(counts, line, marker="o", linewidth=width, label=name)
        panel.set(title=f"Python {python}", xlabel="ambient ContextVars", ylim=(0, None))
        panel.set_xscale("symlog", linthresh=10)
    panels[0][0].set_ylabel("µs a hop, 100 at once, asyncio")
    panels[0][-1].legend(fontsize="small")
    _save(figure, file)


def plot_guards(results: list[dict[str, Any]], file: Path) -> None:
    """CPU a call, patched to published, a bar for each case."""
    from matplotlib import pyplot

    names = [f"{BACKENDS[each['backend']]}: {each['name']}" for each in results][::-1]
    ratios = [compared(each, "cpu")[2] for each in results][::-1]
    figure, axes = pyplot.subplots(figsize=(9, 1 + 0.24 * len(names)))
    errors = [[r.median - r.low for r in ratios], [r.high - r.median for r in ratios]]
    axes.barh(names, [r.median for r in ratios], xerr=errors, color="#4c78a8")
    axes.axvline(1, color="black", linewidth=1)
    axes.set(xlabel="CPU a call, patched to published; lines: quartiles")
    axes.margins(y=0.01)
    _save(figure, file)


def _save(figure: Any, file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
