"""The bars that the figures have to clear."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soak.meter import CALLS_TO_JUDGE_MEMORY

from bench.case import BACKENDS
from bench.peers import BARE, OURS, PEERS
from bench.stats import ratio
from bench.tables import HopCell, compared, contenders_beaten, load, load_guards

HOP, FLAT, PEER, CHUNK = 1.05, 1.05, 1.00, 1.05
GUARD = {"off": 0.60, "opentelemetry": 0.85}
# Whole Guards are held to their bars in these cases; the others show how they grow.
PLAIN = re.compile(r"(Async)?Guard, \d+ validators?(, uvloop)?")
# A hop with this many ambient variables is compared with one without.
MANY = 1000
# What may stay, as the soak has it: of few calls memory says nothing, and pools reach their size.
KEPT = {
    "bytes": ("bytes kept a call", 100),
    "files": ("more open files", 2),
    "threads": ("more threads", 2),
}


@dataclass(frozen=True)
class Bar:
    """What was asked for, and what came of it.

    Attributes:
        name: What is measured.
        bar: What it may be.
        worst: The worst that was measured, and where.
        held: In how many of the cases the bar is held.
        cases: How many cases there are.
    """

    name: str
    bar: float
    worst: str
    held: int
    cases: int


def _bar(name: str, bar: float, measured: dict[str, float]) -> Bar:
    where = max(measured, key=measured.__getitem__)
    held = sum(figure <= bar for figure in measured.values())
    return Bar(name, bar, f"{measured[where]:.2f} ({where})", held, len(measured))


def bars(folder: Path, cells: dict[HopCell, list[float]]) -> list[Bar]:
    """Every bar of which there are figures."""
    found = [*_hop_bars(cells)] if cells else []
    guards = load_guards(folder)
    for backend, bar in GUARD.items():
        plain = _plain(guards, backend)
        if plain:
            name = f"CPU of a whole Guard, {BACKENDS[backend]}, to published"
            found.append(_bar(name, bar, plain))
    grown = _medians(load(folder / "growth.json"), "cpu")
    if grown:
        found.append(_bar("CPU of a whole Guard with ambient variables, to none", FLAT, grown))
    streams = load(folder / "streams.json")
    chunks = _medians([each for each in streams if each["backend"] != "mlflow"], "chunk")
    if chunks:
        found.append(_bar("a stream's chunk, to published", CHUNK, chunks))
    return [*found, *_keeping_bars(load(folder / "keeping-patched.json"))]


def _hop_bars(cells: dict[HopCell, list[float]]) -> list[Bar]:
    beaten = contenders_beaten(cells)
    to_bare = {_where(cell): beaten[cell] for cell in beaten if cell.name == BARE}
    to_peers = {f"{_where(c)}, {c.name}": beaten[c] for c in beaten if c.name in PEERS}
    flat = {}
    for cell, values in cells.items():
        least = HopCell(cell.python, cell.shape, 0, cell.loop, OURS)
        if cell.name == OURS and cell.variables == MANY and least in cells:
            flat[_where(cell)] = ratio(values, cells[least]).median
    return [
        _bar("our hop, to the bare one", HOP, to_bare),
        _bar(f"our hop, {MANY:,} ambient variables to none", FLAT, flat),
        _bar("our hop, to every peer that carries context", PEER, to_peers),
    ]


def _where(cell: HopCell) -> str:
    return f"Python {cell.python}, {cell.shape}, {cell.loop}, {cell.variables:,}"


def _medians(results: list[dict[str, Any]], figure: str) -> dict[str, float]:
    """The ratio of a figure in each case, whoever records."""
    return {
        f"{BACKENDS[each['backend']]}, {each['name']}": compared(each, figure)[2].median
        for each in results
    }


def _plain(results: list[dict[str, Any]], backend: str) -> dict[str, float]:
    return {
        each["name"]: compared(each, "cpu")[2].median
        for each in results
        if each["backend"] == backend and PLAIN.fullmatch(each["name"])
    }


def _keeping_bars(kept: list[dict[str, Any]]) -> list[Bar]:
    found = []
    for what, (name, bar) in KEPT.items():
        judged = [
            each for each in kept if what != "bytes" or each["calls"] >= CALLS_TO_JUDGE_MEMORY
        ]
        if judged:
            found.append(_bar(name, bar, {each["name"]: each[what] for each in judged}))
    return found
