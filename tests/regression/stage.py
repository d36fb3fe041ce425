"""One Guard call, played before witnesses.

The caller has a variable, baggage, a span, and a secret among the call's kwargs. Everyone whom
the Guard calls (LLM, validators, on_fail handler) notes what it sees of those, opens a span
of its own as an instrumented client does, and leaves something behind in its context.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any, Optional

from guardrails.stores.context import get_call_kwargs, get_guard_name
from opentelemetry import baggage, context

from .backends import Tracing

CALLER: ContextVar[Optional[str]] = ContextVar("CALLER", default=None)
LEFT_BEHIND: ContextVar[tuple[tuple[int, str], ...]] = ContextVar("LEFT_BEHIND", default=())

NAME = "the-guard"
VALUE = "the-caller"
SECRET = "the-secret"
ROOT = "application"


@dataclass(frozen=True)
class Sight:
    """What one of them sees of its surroundings.

    Attributes:
        variable: The caller's ContextVar.
        baggage: The caller's OpenTelemetry baggage.
        guard: The name of the Guard whose call this is.
        secret: The API key among the call's kwargs.
        span: The current span's name.
        left: Who of another call has left something behind that is visible here.
    """

    variable: Optional[str]
    baggage: Optional[str]
    guard: str
    secret: Optional[str]
    span: Optional[str]
    left: tuple[str, ...] = ()


@dataclass
class Stage:
    """Where a call is played, and what the witnesses noted.

    Attributes:
        tracing: Who records spans.
        sights: What each role saw, in the order in which they acted.
        before: What the caller saw of itself before the call.
        after: What it saw after it.
        secrets: The caller's variables that hold the call's secret afterwards.
    """

    tracing: Tracing
    sights: list[tuple[str, Sight]] = field(default_factory=list)
    before: Optional[Sight] = None
    after: Optional[Sight] = None
    secrets: list[str] = field(default_factory=list)

    @contextmanager
    def caller(self, value: str = VALUE) -> Iterator[None]:
        """The application: sets up what the call must see, and looks around afterwards."""
        CALLER.set(value)
        token = context.attach(baggage.set_baggage("caller", value))
        try:
            with self.tracing.span(ROOT):
                self.before = self.look()
                yield
                self.after = self.look()
                self.secrets = [var.name for var, held in copy_context().items() if _secret(held)]
        finally:
            context.detach(token)

    @contextmanager
    def act(self, role: str) -> Iterator[None]:
        """The part of someone whom the Guard calls."""
        self.sights.append((role, self.look()))
        with self.tracing.span(own_span(role)):
            yield
        LEFT_BEHIND.set((*LEFT_BEHIND.get(), (id(self), role)))

    def look(self) -> Sight:
        """Notes what is visible here."""
        return Sight(
            variable=CALLER.get(),
            baggage=_text(baggage.get_baggage("caller")),
            guard=get_guard_name(),
            secret=get_call_kwargs().get("api_key"),
            span=self.tracing.current(),
            left=tuple(role for call, role in LEFT_BEHIND.get() if call != id(self)),
        )

    def own_left(self) -> tuple[str, ...]:
        """Who of this call has left something behind that is visible here."""
        return tuple(role for call, role in LEFT_BEHIND.get() if call == id(self))

    def llm(self, *, messages: Any = None, **kwargs: Any) -> str:
        """The LLM's client, called by a Guard."""
        with self.act("llm"):
            return "an answer"

    async def async_llm(self, *, messages: Any = None, **kwargs: Any) -> str:
        """The LLM's client, called by an AsyncGuard."""
        with self.act("llm"):
            return "an answer"

    def on_fail(self, value: Any, result: Any) -> Any:
        """A custom on_fail handler that lets the value pass."""
        with self.act("on_fail"):
            return value


def own_span(role: str) -> str:
    """The name of the span that a role opens itself."""
    return f"{role}'s own"


def _secret(held: Any) -> bool:
    if isinstance(held, dict):
        return any(_secret(value) for value in held.values())
    return isinstance(held, str) and held == SECRET


def _text(value: Any) -> Optional[str]:
    return None if value is None else str(value)
