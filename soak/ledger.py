"""Every span that ends, kept only until its call's trace has been judged."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NamedTuple

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from regression.backends import OpenTelemetryTracing
from regression.stage import CALLER, ROOT

from soak.plan import USERS


class Owner(NamedTuple):
    """Whose trace it is."""

    user: str
    guard: str
    mode: str


@dataclass
class Ledger(SpanProcessor):
    """Judges traces when their calls are over, and forgets them.

    Attributes:
        spans: How many spans there were.
        orphans: Spans without the parent that they should have, by what is wrong.
        foreign: Spans that name somebody else than the caller.
    """

    spans: int = 0
    orphans: Counter[str] = field(default_factory=Counter)
    foreign: Counter[str] = field(default_factory=Counter)
    _open: dict[int, tuple[Owner, list[ReadableSpan]]] = field(default_factory=dict)
    _closed: dict[int, Owner] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def open(self, owner: Owner) -> None:
        """Notes that the current trace is a call's."""
        own = trace.get_current_span().get_span_context()
        with self._lock:
            self._open[own.trace_id] = owner, []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Nothing is judged before it ends."""

    def on_end(self, span: ReadableSpan) -> None:
        """Keeps a span with its trace."""
        with self._lock:
            self.spans += 1
            entry = self._open.get(span.context.trace_id)
            if entry is not None:
                entry[1].append(span)
                return
            late = self._closed.get(span.context.trace_id)
            about = f"ended after its call, {late.mode}" if late else "in no call's trace"
            self.orphans[f"{span.name}: {about}"] += 1

    def close_all(self) -> None:
        """Judges every trace that is open; what comes later is an orphan."""
        with self._lock:
            closing, self._open = self._open, {}
            self._closed = {trace_id: owner for trace_id, (owner, _) in closing.items()}
        for owner, spans in closing.values():
            self._judge(owner, spans)

    def _judge(self, owner: Owner, spans: list[ReadableSpan]) -> None:
        known = {span.context.span_id for span in spans}
        for span in spans:
            parent = span.parent.span_id if span.parent else None
            if parent is None and span.name != ROOT:
                self.orphans[f"{span.name}: a root, {owner.mode}"] += 1
            elif parent is not None and parent not in known:
                self.orphans[f"{span.name}: its parent did not end, {owner.mode}"] += 1
            if not _owned(span, owner):
                self.foreign[f"{span.name}: has another's data, {owner.mode}"] += 1


def _owned(span: ReadableSpan, owner: Owner) -> bool:
    """Whether a span names, if it names any, the call's own user and Guard."""
    attributes = span.attributes or {}
    if attributes.get("guard.name", owner.guard) not in (owner.guard, ""):
        return False
    return all(set(USERS.findall(str(value))) <= {owner.user} for value in attributes.values())


class Traced(OpenTelemetryTracing):
    """Opens spans that say who saw them start."""

    def __init__(self) -> None:
        """Nothing is read back from here."""

    def span(self, name: str) -> Any:
        """Opens a span with the user whose call it is, as far as anybody there knows."""
        attributes = {"user": CALLER.get() or "nobody"}
        return trace.get_tracer("soak").start_as_current_span(name, attributes=attributes)
