"""Where calls are made: threads, loops of every kind, and bridges between the two."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from asgiref.sync import ThreadSensitiveContext, async_to_sync, sync_to_async

from tests.parity.calling import async_request, in_thread, in_threads, loop_of_ones_own, request
from tests.parity.clock import CLOCK
from tests.parity.stage import Stage

Work = Callable[[], Any]
Works = Sequence[Work]


def play(stage: Stage, guard: Any) -> None:
    """Makes all calls of a program, in turns or at once."""
    program = stage.program
    make, hosts = (request, HOSTS) if program.guard == "Guard" else (async_request, ASYNC_HOSTS)
    works: Works = [partial(make, stage, guard, number) for number in range(len(program.calls))]
    turns = [works] if program.at_once else [[work] for work in works]
    for turn in turns:
        try:
            Context().run(hosts[program.host], stage, turn)
        except BaseException as error:
            stage.note_error("host", "met", error)


# --- where a Guard is called ---------------------------------------------------------------


def _main(stage: Stage, works: Works) -> None:
    if len(works) > 1:
        in_threads(works)
    else:
        works[0]()


def _idle(stage: Stage, works: Works) -> None:
    with loop_of_ones_own(tidy=False) as loop:
        asyncio.set_event_loop(loop)
        try:
            _main(stage, works)
        finally:
            asyncio.set_event_loop(None)


def _run_sync(stage: Stage, works: Works) -> None:
    os.environ["GUARDRAILS_RUN_SYNC"] = "true"
    _main(stage, works)


def _thread(stage: Stage, works: Works) -> None:
    if len(works) > 1:
        in_threads(works)
    else:
        in_thread(stage, works[0])


async def _one_after_another(works: Works) -> None:
    for work in works:
        copy_context().run(work)


def _running(stage: Stage, works: Works) -> None:
    asyncio.run(_one_after_another(works))


def _running_anyio(stage: Stage, works: Works) -> None:
    anyio.run(_one_after_another, works)


def _to_thread(stage: Stage, works: Works) -> None:
    asyncio.run(_gathered([partial(asyncio.to_thread, work) for work in works]))


def _sync_to_async(stage: Stage, works: Works) -> None:
    asyncio.run(_gathered([sync_to_async(work) for work in works]))


async def _as_a_view(work: Work) -> None:
    async with ThreadSensitiveContext():
        await sync_to_async(work)()


def _view(stage: Stage, works: Works) -> None:
    asyncio.run(_gathered([partial(_as_a_view, work) for work in works]))


def _view_of_a_test(stage: Stage, works: Works) -> None:
    async_to_sync(_gathered)([partial(_as_a_view, work) for work in works])


def _anyio_to_thread(stage: Stage, works: Works) -> None:
    anyio.run(_grouped, [partial(_in_anyios_thread, work) for work in works])


async def _in_anyios_thread(work: Work) -> None:
    CLOCK.started()
    await anyio.to_thread.run_sync(_counted, work)


def _counted(work: Work) -> None:
    try:
        work()
    finally:
        CLOCK.finished()


HOSTS: dict[str, Callable[[Stage, Works], None]] = {
    "main": _main,
    "idle": _idle,
    "run-sync": _run_sync,
    "thread": _thread,
    "asyncio": _running,
    "anyio": _running_anyio,
    "to_thread": _to_thread,
    "anyio.to_thread": _anyio_to_thread,
    "sync_to_async": _sync_to_async,
    "view": _view,
    "view of a test": _view_of_a_test,
}


# --- where an AsyncGuard is called ---------------------------------------------------------


async def _gathered(works: Works) -> None:
    await asyncio.gather(*(work() for work in works))


async def _grouped(works: Works) -> None:
    if len(works) == 1:
        await works[0]()
        return
    async with anyio.create_task_group() as group:
        for work in works:
            group.start_soon(work)


async def _alone_or_gathered(works: Works) -> None:
    if len(works) == 1:
        await works[0]()
    else:
        await _gathered(works)


def _asyncio(stage: Stage, works: Works) -> None:
    asyncio.run(_alone_or_gathered(works))


def _anyio(stage: Stage, works: Works) -> None:
    anyio.run(_grouped, works)


def _loop(stage: Stage, works: Works, *, tidy: bool = False) -> None:
    with loop_of_ones_own(tidy=tidy) as loop:
        loop.run_until_complete(_alone_or_gathered(works))


def _asyncio_in_thread(stage: Stage, works: Works) -> None:
    in_thread(stage, partial(_asyncio, stage, works))


def _async_to_sync(stage: Stage, works: Works) -> None:
    async_to_sync(_alone_or_gathered)(works)


def _both_bridges(stage: Stage, works: Works) -> None:
    asyncio.run(_through_a_view(works))


async def _through_a_view(works: Works) -> None:
    await sync_to_async(async_to_sync(_alone_or_gathered))(works)


ASYNC_HOSTS: dict[str, Callable[[Stage, Works], None]] = {
    "asyncio": _asyncio,
    "anyio": _anyio,
    "loop": _loop,
    "loop tidy": partial(_loop, tidy=True),
    "thread": _asyncio_in_thread,
    "async_to_sync": _async_to_sync,
    "both bridges": _both_bridges,
}
