"""D19: what becomes of validators whose sibling fails while they are still at it."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

from guardrails.validator_base import ValidationResult, register_validator
from regression.backends import BACKENDS
from regression.loops import run_async_guard, run_guard
from regression.spans import Span, outlasting, seen_paths
from regression.stage import ROOT, Stage
from regression.validators import Acted, ActedAsync

from scoreboard.cells import Faults, probes
from scoreboard.situations import guard_of

# Long enough to be still at it when the other one has failed; nothing depends on how long.
A_WHILE = 0.05


@register_validator(name="tests/refuses", data_type="all")
class Refuses(ActedAsync):
    """Finds fault at once."""


@register_validator(name="tests/slow-in-a-thread", data_type="all")
class SlowInThread(Acted):
    """Takes its time in a thread of the executor."""

    def _verdict(self, value: Any) -> ValidationResult:
        time.sleep(A_WHILE)
        return super()._verdict(value)


@register_validator(name="tests/slow-on-the-loop", data_type="all")
class SlowOnLoop(ActedAsync):
    """Takes its time on the event loop."""

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        """Judges a while later."""
        with self.act(self.role):
            await asyncio.sleep(A_WHILE)
            return self._verdict(value)


SLOW: dict[str, type[Acted]] = {"in a thread": SlowInThread, "on the loop": SlowOnLoop}
PLACES = {
    "Guard on an idle loop": ("Guard", "idle"),
    "Guard in a thread": ("Guard", "thread"),
    "AsyncGuard": ("AsyncGuard", "running"),
}


@probes("D19", "a sibling of a validator that fails", tuple(PLACES), tuple(SLOW))
def sibling(place: str, where: str) -> Faults:
    """It has ended, below its guard and within its time, when the failure reaches the caller."""
    kind, loop = PLACES[place]
    with BACKENDS["opentelemetry"]() as tracing:
        stage = Stage(tracing)
        refuses = Refuses(on_fail="exception").part(stage.act, "refuses", fails=True)
        guard = guard_of(kind, refuses, SLOW[where](on_fail="noop").part(stage.act, "slow"))
        if kind == "Guard":
            run_guard(loop, lambda: _call(guard, stage))
        else:
            run_async_guard(loop, lambda: _async_call(guard, stage))
        gc.collect()
        return _left_behind(tracing.finished(), {role for role, _ in stage.sights})


def _call(guard: Any, stage: Stage) -> None:
    with stage.caller():
        try:
            guard.validate("an answer")
        except Exception as error:
            _expect(error)


async def _async_call(guard: Any, stage: Stage) -> None:
    with stage.caller():
        try:
            await guard.validate("an answer")
        except Exception as error:
            _expect(error)
    # Whoever was left behind gets the time to end, too late.
    await asyncio.sleep(4 * A_WHILE)


def _expect(error: Exception) -> None:
    if "found fault" not in str(error):
        raise error


def _left_behind(spans: list[Span], acted: set[str]) -> Faults:
    """Those who acted and have no whole branch of the trace to show for it."""
    names = {span.name for span in spans}
    faults = [f"{role}'s own span did not end" for role in acted if f"{role}'s own" not in names]
    faults += [f"{path[0]} is a root" for path in seen_paths(spans) if path[0] != ROOT]
    return faults + [f"{s.name} is not within {p.name}" for s, p in outlasting(spans)]
