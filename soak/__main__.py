"""`python -m soak [--calls N] [--seed N]`: makes the calls, prints the figures, judges them."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from regression.environment import prepare as prepare_environment

BATCH = 200
HOME = prepare_environment()

# These import guardrails, which reads its settings from HOME.
from guardrails.settings import settings  # noqa: E402
from guardrails.version import GUARDRAILS_VERSION  # noqa: E402
from opentelemetry import trace  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from regression.loops import without_uvloop  # noqa: E402

from soak import calls  # noqa: E402
from soak.ledger import Ledger  # noqa: E402
from soak.meter import Meter  # noqa: E402
from soak.plan import Plan, draw  # noqa: E402
from soak.report import Outcome, report  # noqa: E402


class Silent:
    """Instead of guardrails' log of calls.

    It is written over one SQLite connection for all threads, which is a fault of another kind.
    """

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


@contextmanager
def surroundings(ledger: Ledger) -> Iterator[None]:
    """What all calls have in common: a tracer provider, and nothing of uvloop."""
    provider = TracerProvider()
    provider.add_span_processor(ledger)
    trace.set_tracer_provider(provider)
    settings.disable_tracing = None
    with ExitStack() as stack:
        stack.enter_context(without_uvloop())
        handler = "guardrails.telemetry.legacy_validator_tracing.TraceHandler"
        stack.enter_context(mock.patch(handler, Silent))
        yield


async def batch(plans: list[Plan], guards: dict[str, Any], ledger: Ledger) -> list[calls.Run]:
    """Makes calls at the same time: some are tasks of this loop, some have a thread each."""
    prepared = [calls.prepare(plan, guards) for plan in plans]
    threads = [_thread(run, guard, ledger) for run, guard in prepared if not run.plan.on_loop]
    tasks = [
        asyncio.create_task(_on_loop(run, guard, ledger))
        for run, guard in prepared
        if run.plan.on_loop
    ]
    for thread in threads:
        thread.start()
    await asyncio.gather(*tasks, return_exceptions=True)
    for thread in threads:
        await asyncio.to_thread(thread.join)
    await _settled()
    return [run for run, _ in prepared]


async def _settled() -> None:
    """Streams that were abandoned are closed, and validations of cancelled calls come to an end.

    The pool's threads work off a queue: something put in behind the rest comes last.
    """
    gc.collect()
    waiting = [asyncio.to_thread(time.sleep, 0.001) for _ in range(64)]
    await asyncio.gather(*waiting)
    for _ in range(20):
        await asyncio.sleep(0)
    gc.collect()


def _thread(run: calls.Run, guard: Any, ledger: Ledger) -> threading.Thread:
    def main() -> None:
        if run.plan.mode == "async-in-thread":
            asyncio.run(calls.async_call(run, guard, ledger))
        else:
            calls.call(run, guard, ledger)

    return threading.Thread(target=main, daemon=True)


async def _on_loop(run: calls.Run, guard: Any, ledger: Ledger) -> None:
    if run.plan.mode == "on-the-loop":
        calls.call(run, guard, ledger)
    elif run.plan.end == "cancelled":
        await calls.cancelled(run, guard, ledger)
    else:
        await calls.async_call(run, guard, ledger)


async def soak(outcome: Outcome, seed: int, ledger: Ledger) -> None:
    """Makes all calls, a batch after another."""
    meter, guards = Meter(outcome.samples), dict[str, Any]()
    for start in range(0, outcome.calls, BATCH):
        numbers = range(start, min(start + BATCH, outcome.calls))
        runs = await batch([draw(number, seed) for number in numbers], guards, ledger)
        ledger.close_all()
        for run in runs:
            _note(run, outcome)
        del runs, run
        calls.forget(guards.values())
        if start == 0:
            # All is imported now, and need not be gone through at each collection.
            gc.freeze()
        meter.sample()


def _note(run: calls.Run, outcome: Outcome) -> None:
    right = run.ended in calls.expected(run.plan)
    outcome.ended[run.ended if right else f"wrong: {run.ended}"] += 1
    outcome.wrong.update(fault[:200] for fault in run.judge())


def main() -> int:
    """Runs it all; returns how many bars were missed."""
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    # What libraries log of a broken context would be thousands of lines; it is counted here.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    print(f"guardrails-ai {GUARDRAILS_VERSION}")
    ledger, outcome, started = Ledger(), Outcome(options.calls, BATCH), time.monotonic()
    with surroundings(ledger):
        asyncio.run(soak(outcome, options.seed, ledger))
    outcome.took = time.monotonic() - started
    return report(outcome, ledger)


if __name__ == "__main__":
    try:
        missed = main()
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
    sys.exit(missed > 0)
