"""What probes have in common: calls that are played, and streams that are read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from guardrails.validator_base import register_validator
from regression.backends import BACKENDS
from regression.loops import run_async_guard, run_guard
from regression.playing import KWARGS, MESSAGES, make_guard, play
from regression.scenarios import Scenario
from regression.spans import Span
from regression.stage import Sight, Stage
from regression.validators import Acted

from scoreboard.cells import Faults

GUARDS = ("Guard", "AsyncGuard")
LOOPS = {"Guard": "idle", "AsyncGuard": "running"}
CHUNKS = ("One two. ", "Three four. ", "Five six.")


@register_validator(name="tests/streamed", data_type="all")
class Streamed(Acted):
    """A validator that validates each chunk as it comes."""

    def _chunking_function(self, chunk: str) -> list[str]:
        return [chunk, ""]


class Llm:
    """An LLM that streams: it notes what it sees whenever it is asked for more.

    Attributes:
        asked: How many chunks it was asked for.
    """

    def __init__(self, stage: Stage, chunks: Sequence[str] = CHUNKS) -> None:
        self._stage, self._chunks = stage, chunks
        self.asked = 0
        self.completion_stream: Any = None

    def call(self, *, messages: Any = None, **kwargs: Any) -> Iterator[str]:
        """The callable of a Guard."""
        return self._read()

    async def async_call(self, *, messages: Any = None, **kwargs: Any) -> Llm:
        """The callable of an AsyncGuard, which answers in litellm's manner."""
        self.completion_stream = self._async_read()
        return self

    def _read(self) -> Iterator[str]:
        for chunk in self._chunks:
            self.asked += 1
            self._stage.sights.append(("llm", self._stage.look()))
            yield chunk

    async def _async_read(self) -> AsyncIterator[str]:
        for chunk in self._read():
            await asyncio.sleep(0)
            yield chunk


def played(scenario: Scenario) -> tuple[Stage, list[Span]]:
    """Plays a call; returns what was seen and what was recorded."""
    with BACKENDS[scenario.tracing]() as tracing:
        stage = Stage(tracing)
        play(scenario, stage)
        return stage, tracing.finished()


def called(kind: str, call: Callable[[], Any], async_call: Callable[[], Any]) -> Any:
    """Runs whichever of the two calls a kind of guard needs, where a loop is as usual."""
    if kind == "Guard":
        return run_guard(LOOPS[kind], call)
    return run_async_guard(LOOPS[kind], async_call)


def guard_of(kind: str, *checks: Acted) -> Any:
    """A string guard of a kind."""
    return make_guard(kind, checks)


def stream_of(kind: str, llm: Llm, *checks: Acted) -> Any:
    """A guarded stream; for an AsyncGuard, what is awaited for it."""
    answer = llm.call if kind == "Guard" else llm.async_call
    return guard_of(kind, *checks)(answer, messages=MESSAGES, stream=True, **KWARGS)


def text_of(outcomes: Sequence[Any]) -> str:
    """The text that a stream's outcomes make."""
    return "".join(outcome.validated_output or "" for outcome in outcomes)


def sights_of(stage: Stage, *roles: str) -> list[Sight]:
    """What the given roles saw."""
    return [sight for role, sight in stage.sights if role in roles]


def differing(stage: Stage, what: str, wanted: Any, *roles: str) -> Faults:
    """The roles that saw something else than they should, or never acted."""
    missing = [f"{role} did not act" for role in roles if not sights_of(stage, role)]
    seen = [(role, getattr(sight, what)) for role, sight in stage.sights if role in roles]
    return missing + [
        f"{role} saw {what} {value!r}, not {wanted!r}" for role, value in seen if value != wanted
    ]


@contextmanager
def logged(name: str) -> Iterator[Faults]:
    """Collects what a logger is told meanwhile."""
    messages: Faults = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)
