"""Does the same with several things at a time; an interrupt stops all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from scripts import git

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Two more than can compute, for those that wait for the disk.
_THREADS = (os.cpu_count() or 1) + 2
_BEAT = 0.2


def each(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Call a function with each item, in as many threads as pay: git does the work.

    Whatever happens, no call is still running on return.

    Args:
        work: The function.
        items: Its arguments.

    Returns:
        The results, in the order of the items.

    Raises:
        BaseException: What the first item, in that order, raised; calls not yet begun are not made.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        futures: list[Future[_Result]] = []
        try:
            # One by one, so that an interrupt on the way finds those that run.
            for item in items:
                futures.append(pool.submit(work, item))
            _watch(futures)
        except KeyboardInterrupt:
            _cancel(futures)
            with git.stopped():
                wait(futures)
            raise
        except Exception:
            # This one, or one that comes before it, is raised below.
            _cancel(futures)
    # They are begun in order, so those that were cancelled come after one that failed.
    return [future.result() for future in futures]


def _watch(futures: Sequence[Future[_Result]]) -> None:
    rest: Collection[Future[_Result]] = futures
    while rest:
        # A signal that comes right before the main thread waits is seen only after the wait.
        done, rest = wait(futures, _BEAT, FIRST_EXCEPTION)
        for future in done:
            future.result()


def _cancel(futures: Iterable[Future[_Result]]) -> None:
    for future in futures:
        future.cancel()
