"""Plays a generated call in a mode, together with others who make the same call."""

import asyncio
import threading
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Callable
from unittest import mock

from guardrails import AsyncGuard, Guard
from guardrails.telemetry import legacy_validator_tracing

from .backends import Tracing
from .loops import close_current_loop, run_async_guard, run_guard, without_uvloop
from .oracle import differences, return_faults, tree_faults
from .playing import KWARGS, MESSAGES
from .plays import WHOLE, Check, Play, expected, handler, model
from .spans import Span, draw_expected, draw_seen
from .stage import NAME, ROOT, SECRET, Sight, Stage
from .streaming import Source, closed_by_the_loop, complaints
from .validators import FAULT, span_of, validator
from .waiting import PATIENCE


@dataclass
class Player:
    """Someone who makes a play's call.

    Attributes:
        play: The call.
        guard: Guard or AsyncGuard.
        number: Tells it from the others.
        stage: What was seen of its call.
        asked: How often its LLM was asked.
    """

    play: Play
    guard: str
    number: int
    stage: Stage
    asked: int = 0
    source: Source = field(init=False)

    def __post_init__(self) -> None:
        self.source = Source(self.stage, self.play.chunks())

    @property
    def value(self) -> str:
        """What its variable and its baggage hold."""
        return f"caller {self.number}"

    @property
    def name(self) -> str:
        """Its Guard's name."""
        return f"{NAME}-{self.number}"

    def call(self) -> None:
        """Makes the call with a Guard."""
        guard, given = self._guard(Guard), self._given()
        with self.stage.caller(self.value):
            if not self.play.stream:
                guard(self._llm, **given)
                return
            stream = guard(self.source.llm, stream=True, **given)
            for _ in range(self.play.breaks_off):
                if next(stream, None) is None:
                    break
            stream.close()

    async def async_call(self) -> None:
        """Makes the call with an AsyncGuard."""
        guard, given = self._guard(AsyncGuard), self._given()
        with self.stage.caller(self.value):
            if not self.play.stream:
                await guard(self._async_llm, **given)
                return
            stream = await guard(self.source.async_llm, stream=True, **given)
            for _ in range(self.play.breaks_off):
                try:
                    await stream.__anext__()
                except StopAsyncIteration:
                    break
            await stream.aclose()

    def _given(self) -> dict[str, Any]:
        return {"messages": MESSAGES, "num_reasks": 1, **KWARGS}

    def _llm(self, *, messages: Any = None, **kwargs: Any) -> str:
        with self.stage.act("llm"):
            self.asked += 1
            return self.play.answer(self.asked - 1)

    async def _async_llm(self, *, messages: Any = None, **kwargs: Any) -> str:
        return self._llm(messages=messages, **kwargs)

    def _guard(self, cls: Any) -> Any:
        made = {check.role: self._validator(check) for check in self.play.checks}
        if self.play.fields == (WHOLE,):
            return cls.for_string(list(made.values()), name=self.name)
        return cls.for_pydantic(model(self.play, made), name=self.name)

    def _validator(self, check: Check) -> Any:
        on_fail: Any = self._handler(check) if check.on_fail == "custom" else check.on_fail
        made = validator(check.kind, check.role, on_fail)
        return made.part(self.stage.act, check.role, fails=check.strict, only=FAULT)

    def _handler(self, check: Check) -> Callable[[Any, Any], Any]:
        def on_fail(value: Any, result: Any) -> Any:
            with self.stage.act(handler(check.role)):
                return value

        return on_fail

    def faults(self) -> list[str]:
        """What it and those whom its Guard called saw that is not theirs."""
        names = self.stage.tracing
        around = {"llm": names.call, "stream": names.step, "closed": names.step}
        for check in self.play.checks:
            around.update({check.role: span_of(check.role), handler(check.role): names.step})
        faults = return_faults(self.stage)
        for role, sight in self.stage.sights:
            if role == "closed" and self.guard == "AsyncGuard":
                # The event loop closes an LLM's stream that nobody has any more.
                continue
            wanted = Sight(self.value, self.value, self.name, SECRET, around[role])
            faults += differences(role, wanted, sight)
        return [f"{self.value}: {fault}" for fault in faults]


def perform(play: Play, guard: str, loop: str, tracing: Tracing) -> list[str]:
    """Makes a play's calls, the first in a mode; returns everything that is wrong."""
    players = [Player(play, guard, n, Stage(tracing)) for n in range(play.siblings + 1)]
    with complaints() as heard:
        if guard == "AsyncGuard":
            run_async_guard(loop, lambda: _all_at_once(players))
        else:
            _in_threads(players, loop)
    return [*(fault for player in players for fault in player.faults()), *heard]


async def _all_at_once(players: list[Player]) -> None:
    before = asyncio.all_tasks()
    await asyncio.gather(*[asyncio.ensure_future(player.async_call()) for player in players])
    await closed_by_the_loop(before)


def _in_threads(players: list[Player], loop: str) -> None:
    """The first makes its call here, the others in threads meanwhile."""
    errors: list[BaseException] = []
    threads = [_thread(player, errors) for player in players[1:]]
    # guardrails logs every call over one SQLite connection for all threads, which Python 3.13
    # refuses: a fault of another kind.
    with without_uvloop(), mock.patch(f"{legacy_validator_tracing.__name__}.TraceHandler"):
        for thread in threads:
            thread.start()
        try:
            run_guard(loop, players[0].call)
        finally:
            for thread in threads:
                thread.join(PATIENCE)
                assert not thread.is_alive(), f"a call did not end within {PATIENCE:g} s"
    if errors:
        raise errors[0]


def _thread(player: Player, errors: list[BaseException]) -> threading.Thread:
    def main() -> None:
        try:
            player.call()
        except BaseException as error:
            errors.append(error)
        finally:
            close_current_loop()

    return threading.Thread(target=copy_context().run, args=(main,), daemon=True)


def judge(play: Play, guard: str, tracing: Tracing, faults: list[str]) -> None:
    """Fails, with the play and its trees, unless everyone's spans make the one tree."""
    tree, spans = expected(play, tracing, guard), tracing.finished()
    traces: dict[str, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace, []).append(span)
    found = list(faults)
    if len(traces) != play.siblings + 1:
        found.append(f"{len(traces)} traces of {play.siblings + 1} calls")
    wrong = {trace: tree_faults(tree, each) for trace, each in traces.items()}
    found += [fault for each in wrong.values() for fault in each]
    if found:
        seen = [line for each in traces.values() for line in draw_seen(each, ROOT)]
        parts = ["the invariant is broken", *(f"  - {fault}" for fault in found), *play.draw()]
        parts += ["expected", *(f"  {line}" for line in draw_expected(tree))]
        raise AssertionError("\n".join([*parts, "seen", *(f"  {line}" for line in seen)]))
