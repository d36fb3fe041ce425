"""One hop to a worker thread, with pyperf: `python -m bench.hop MODULE [pyperf's options]`.

MODULE is the file that has our executor. pyperf measures each contender in a process of its own.
To have the contenders take turns, `turns` calls this again and again, with `--append`.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path

import pyperf

from bench.peers import Hop, contenders

GATHERED = 100
SHAPES = ("sequential", "gather")
LOOPS = ("asyncio", "uvloop")
VARIABLES = (0, 10, 100, 1000)


def measure(loops: int, hop: Callable[[], Hop], shape: str, variables: int, loop: str) -> float:
    """Makes hops.

    Args:
        loops: How many times: one hop, or a gather of 100.
        hop: What makes one.
        shape: `sequential` or `gather`.
        variables: How many ContextVars the caller has.
        loop: `asyncio` or `uvloop`.

    Returns:
        How many seconds it took.
    """
    event_loop = _new_loop(loop)
    try:
        return event_loop.run_until_complete(_timed(loops, hop, shape, variables))
    finally:
        event_loop.run_until_complete(event_loop.shutdown_default_executor())
        event_loop.close()


def _new_loop(loop: str) -> asyncio.AbstractEventLoop:
    if loop == "asyncio":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


async def _timed(loops: int, hop: Callable[[], Hop], shape: str, variables: int) -> float:
    for number in range(variables):
        ContextVar[int](f"ambient{number}").set(number)
    made = hop()
    once = made if shape == "sequential" else lambda: _gathered(made)
    # The pool's threads are started.
    await _gathered(made)
    started = time.perf_counter()
    for _ in range(loops):
        await once()
    return time.perf_counter() - started


async def _gathered(hop: Callable[[], Awaitable[object]]) -> None:
    await asyncio.gather(*(hop() for _ in range(GATHERED)))


def _pass_on(command: list[str], options: argparse.Namespace) -> None:
    for name in ("shape", "variables", "loop"):
        command += [f"--{name}", str(getattr(options, name))]
    command.append(str(options.module))


def main() -> None:
    """Measures every contender once."""
    runner = pyperf.Runner(program_args=("-m", "bench.hop"), add_cmdline_args=_pass_on)
    runner.argparser.add_argument("module", type=Path)
    runner.argparser.add_argument("--shape", choices=SHAPES, default=SHAPES[0])
    runner.argparser.add_argument("--variables", type=int, default=0)
    runner.argparser.add_argument("--loop", choices=LOOPS, default=LOOPS[0])
    options = runner.parse_args()
    inner = 1 if options.shape == "sequential" else GATHERED
    for name, hop in contenders(options.module).items():
        runner.bench_time_func(
            "|".join((options.shape, str(options.variables), options.loop, name)),
            *(measure, hop, options.shape, options.variables, options.loop),
            inner_loops=inner,
        )


if __name__ == "__main__":
    main()
