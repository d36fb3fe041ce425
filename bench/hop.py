"""One hop to a worker thread: `python -m bench.hop MODULE OUTPUT …`; `--help` tells the rest.

MODULE is the file that has our executor. pyperf keeps what is measured, but it runs one contender
to its end before the next, and processes differ by more than contenders do: here all contenders
take turns in one process, on one core, and only figures of the same round are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import product
from pathlib import Path
from typing import NamedTuple

from bench.ambient import ambient
from bench.peers import Contender, Hop, contenders

GATHERED = 100
# How many hops, or gathers of 100 hops, make one value.
REPEATED = {"sequential": 100, "gather": 10}
LOOPS = ("asyncio", "uvloop")


class Turn(NamedTuple):
    """What is measured once a round: a contender, where the caller has so many ContextVars."""

    variables: int
    name: str


def in_turns(
    turns: dict[Turn, Contender], shape: str, loop: str, rounds: int
) -> dict[Turn, list[float]]:
    """Measures in turns.

    Args:
        turns: What is measured in each round.
        shape: `sequential` or `gather`.
        loop: `asyncio` or `uvloop`.
        rounds: How many rounds there are.

    Returns:
        How many seconds a hop took, round by round.
    """
    event_loop = _new_loop(loop)
    try:
        return event_loop.run_until_complete(_in_turns(turns, shape, rounds))
    finally:
        gc.unfreeze()
        event_loop.run_until_complete(event_loop.shutdown_default_executor())
        event_loop.close()


def _new_loop(loop: str) -> asyncio.AbstractEventLoop:
    if loop == "asyncio":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


async def _in_turns(
    turns: dict[Turn, Contender], shape: str, rounds: int
) -> dict[Turn, list[float]]:
    contexts = {turn.variables: ambient(turn.variables) for turn in turns}
    seconds: dict[Turn, list[float]] = {turn: [] for turn in turns}

    async def measure(order: Iterable[Turn]) -> None:
        for turn in order:
            timed = _timed(turns[turn], shape)
            task = contexts[turn.variables].run(asyncio.ensure_future, timed)
            seconds[turn].append(await task)

    # In the first round all is imported and the pools' threads are started: it does not count.
    await measure(turns)
    gc.collect()
    gc.freeze()
    for number in range(rounds):
        await measure(turns if number % 2 else reversed(turns))
    return {turn: values[1:] for turn, values in seconds.items()}


async def _timed(contender: Contender, shape: str) -> float:
    with contender() as hop:
        once: Callable[[], Awaitable[object]]
        once = hop if shape == "sequential" else lambda: _gathered(hop)
        await once()
        # What the one before has left behind is not for this one to clear away.
        gc.collect()
        started = time.perf_counter()
        for _ in range(REPEATED[shape]):
            await once()
        taken = time.perf_counter() - started
    return taken / REPEATED[shape] / (1 if shape == "sequential" else GATHERED)


async def _gathered(hop: Hop) -> None:
    await asyncio.gather(*(hop() for _ in range(GATHERED)))


def main() -> None:
    """Measures every contender, and adds what was measured to a file of pyperf's."""
    import pyperf

    parser = argparse.ArgumentParser(prog="bench.hop")
    parser.add_argument("module", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--shape", choices=REPEATED, required=True)
    parser.add_argument("--loop", choices=LOOPS, required=True)
    parser.add_argument("--variables", type=int, nargs="+", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        # From core to core a hop takes twice as long or half, as the kernel sees fit.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    known = contenders(options.module)
    turns = {Turn(count, name): known[name] for count, name in product(options.variables, known)}
    kept = []
    for turn, values in in_turns(turns, options.shape, options.loop, options.rounds).items():
        name = "|".join((options.shape, str(turn.variables), options.loop, turn.name))
        kept.append(pyperf.Benchmark([pyperf.Run(values, metadata={"name": name})]))
    pyperf.add_runs(str(options.output), pyperf.BenchmarkSuite(kept))


if __name__ == "__main__":
    main()
