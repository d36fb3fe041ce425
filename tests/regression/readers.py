"""Streams that are open side by side, each its own caller's, and one running event loop."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AbstractContextManager
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from opentelemetry import trace

from .loops import in_thread
from .oracle import differences, return_faults
from .playing import KWARGS, MESSAGES, make_guard
from .spans import Node, Span, node
from .stage import ROOT, SECRET, Sight, Stage, own_span
from .streaming import END, Consumer, Source, closed_by_the_loop
from .validators import span_of, validator
from .waiting import PATIENCE

CHUNKS = ("One two. ", "Three four. ", "Five six.")
SYNC_PLACES = ("here", "in a thread", "in another context")
ASYNC_PLACES = ("in a task", "in another context's task")
OPEN, DROPPED, OVER = "open", "dropped", "over"


class RunningLoop:
    """An event loop that runs in a thread of its own; everything on it is a task of its own."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _, what: self.complaints.append(str(what)))
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Runs a coroutine in a task that has a copy of the current context."""
        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(PATIENCE)

    def settle(self) -> None:
        """Waits until streams that were collected are closed."""

        async def settled() -> None:
            current: Any = asyncio.current_task()
            await closed_by_the_loop({current})

        self.run(settled)

    def stop(self) -> None:
        """Ends the loop with what it has started."""
        self.run(self._loop.shutdown_default_executor)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()


@dataclass
class Reader:
    """A caller with a stream of its own.

    Attributes:
        number: Tells it from the others, as do its variable, its baggage and its Guard's name.
        guard: Guard or AsyncGuard.
        roles: Its Guard's validators.
        source: Its LLM.
        loop: The event loop that all asynchronous streams run on.
        state: Whether the stream is open, dropped but perhaps not collected yet, or over.
        stage: What was seen of its call.
        consumer: Reads its stream.
        context: The context that the caller lives in.
    """

    number: int
    guard: str
    roles: tuple[str, ...]
    source: Source
    loop: RunningLoop
    state: str = OPEN
    stage: Stage = field(init=False)
    consumer: Consumer = field(init=False)
    context: Context = field(default_factory=copy_context)
    _caller: Optional["AbstractContextManager[None]"] = None
    _trace: str = ""

    def __post_init__(self) -> None:
        self.stage = self.source.stage
        self.consumer = Consumer(self.stage, self.source)

    @property
    def value(self) -> str:
        """What its variable and its baggage hold."""
        return f"caller {self.number}"

    @property
    def name(self) -> str:
        """Its Guard's name."""
        return f"guard-{self.number}"

    def open(self) -> None:
        """Calls its Guard, under a span of its own."""
        self._caller = self.stage.caller(self.value)
        self.context.run(self._caller.__enter__)
        own = self.context.run(trace.get_current_span)
        self._trace = format(own.get_span_context().trace_id, "x")
        checks = [
            validator("chunks", role, "noop").part(self.stage.act, role) for role in self.roles
        ]
        self.context.run(self._call, make_guard(self.guard, checks, self.name))

    def _call(self, guard: Any) -> None:
        given = {"messages": MESSAGES, "stream": True, **KWARGS}
        if self.guard == "Guard":
            self.consumer.held.append(guard(self.source.llm, **given))
        else:
            self.consumer.held.append(self.loop.run(lambda: guard(self.source.async_llm, **given)))

    def advance(self, place: str) -> None:
        """Reads one outcome; at the end, or when the LLM hangs up, the stream is over."""
        try:
            outcome = self._at(place, self.consumer.next, self.consumer.anext)
        except ConnectionError:
            outcome = END
        if not self.context.run(self.consumer.note, outcome):
            self.state = OVER

    def close(self, place: str) -> None:
        """Closes the stream; the event loop closes what it was made from."""
        self._at(place, self.consumer.close, self.consumer.aclose)
        self.loop.settle()
        self.state = OVER

    def drop(self) -> None:
        """Forgets the stream, which is collected whenever it is."""
        self.consumer.held.clear()
        self.state = DROPPED if self.state == OPEN else OVER

    def _at(self, place: str, call: Callable[[], Any], acall: Callable[[], Any]) -> Any:
        if place == "here":
            return self.context.run(call)
        if place == "in a thread":
            return in_thread(call)
        if place == "in another context":
            return Context().run(call)
        context = self.context if place == "in a task" else Context()
        return context.run(self.loop.run, acall)

    def leave(self) -> None:
        """The caller is done."""
        if self._caller is not None:
            self.context.run(self._caller.__exit__, None, None, None)

    def mine(self, spans: list[Span]) -> list[Span]:
        """The spans of its trace."""
        return [span for span in spans if span.trace == self._trace]

    def faults(self, spans: list[Span]) -> list[str]:
        """What is wrong at this moment."""
        ended = self.stage.tracing.guard in [span.name for span in self.mine(spans)]
        closed = "closed" in [role for role, _ in self.stage.sights]
        faults = [*self.consumer.faults, *self._sight_faults()]
        if self.state == OPEN and ended:
            faults.append("the guard's span ended before its stream")
        if self.state == OPEN and closed:
            faults.append("the LLM's stream is closed although it is read")
        if self.state == OVER and not ended:
            faults.append("the guard's span is open although its stream is over")
        if self.state == OVER and self.source.asked and not closed:
            faults.append("the LLM's stream is open although nobody reads it")
        now = self.context.run(self.stage.look)
        if self.stage.before is not None:
            faults += differences("the caller", self.stage.before, now)
        reached = self.consumer.reached
        if reached != list(range(1, len(reached) + 1)):
            faults.append(f"outcomes came after {reached} of the LLM's chunks")
        return [f"{self.name}: {fault}" for fault in faults]

    def _sight_faults(self) -> list[str]:
        names = self.stage.tracing
        around = {"llm": names.call, "stream": names.step, "closed": names.step}
        around.update({role: span_of(role) for role in self.roles})
        faults = []
        for role, sight in self.stage.sights:
            if role == "closed" and self.guard == "AsyncGuard":
                # The event loop closes an LLM's stream that nobody has any more.
                continue
            wanted = Sight(self.value, self.value, self.name, SECRET, around[role])
            faults += differences(role, wanted, sight)
        return faults

    def final_faults(self) -> list[str]:
        """What is wrong with the caller when it is done."""
        return [f"{self.name}: {fault}" for fault in return_faults(self.stage)]

    def tree(self) -> Node:
        """The tree that its spans must make in the end."""
        names, asked = self.stage.tracing, self.source.asked
        below = [node(names.call, node(own_span("llm")))] if asked else []
        for number in range(asked):
            below.append(node(own_span("stream")))
            if not (self.source.fails and number > 0):
                below += [node(span_of(role), node(own_span(role))) for role in self.roles]
        steps = [node(names.step, *below)] if below else []
        between = [node(own_span("between"))] * len(self.consumer.reached)
        return node(ROOT, node(names.guard, *steps), *between)
