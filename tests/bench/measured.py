"""Results as the benchmarks write them, made up."""

from bench.case import Case
from bench.peers import BARE, FLOOR, OURS, PEERS
from bench.tables import HopCell


def compared(case, backend="off", published=1.0, patched=0.5, *, figures=("cpu", "wall")):
    """A comparison in which each round is slower than the last, on both sides."""
    sides = {"base": published, "ours": patched}
    measured = {
        side: [dict.fromkeys(figures, figure * (1 + number)) for number in range(3)]
        for side, figure in sides.items()
    }
    return {"backend": backend, "name": case.name, "calls": 10, **measured}


def stream(backend="off", published=1.0, patched=0.5):
    """A comparison of streams."""
    return compared(Case(chunks=100), backend, published, patched, figures=("first", "chunk"))


def kept(**figures):
    """What stays of the calls of a kind."""
    return {
        "name": "Guard, 1 validator",
        "calls": 10_000,
        "bytes": 0,
        "files": 0,
        "threads": 0,
        **figures,
    }


def hops(ours=1.0, peers=2.0, variables=(0, 1000)):
    """Hops of everybody in two situations; each round is slower than the last."""
    factors = {BARE: 1.0, OURS: ours, FLOOR: 0.5, **dict.fromkeys(PEERS, peers)}
    return {
        HopCell("3.11", "sequential", count, "asyncio", name): [1e-5 * factor, 2e-5 * factor]
        for count in variables
        for name, factor in factors.items()
    }
