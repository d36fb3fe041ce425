"""Trees of exported spans, and the spans that lost their parent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """One exported span.

    Attributes:
        trace: The id of its trace.
        id: Its own id.
        parent: The id of the span above it, if it has one.
        name: Its name.
        start: When it began, in nanoseconds.
        end: When it ended, by the same clock.
    """

    trace: str
    id: str
    parent: str | None
    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Node:
    """A span and what hangs under it.

    Attributes:
        span: The span.
        orphan: Whether a parent should be above it, and none is.
        children: The spans under it, in the order in which they started.
    """

    span: Span
    orphan: bool
    children: tuple[Node, ...]


def forest(spans: Sequence[Span], caller: str) -> list[Node]:
    """Build the trees of all traces.

    Args:
        spans: The spans of one call, in the order in which they started.
        caller: The id of the caller's own span: the only one that may be a root.
    """
    return [_node(span, spans, span.id != caller) for span in spans if _is_root(span, spans)]


def orphans(spans: Sequence[Span], caller: str) -> list[Span]:
    """The roots that should have had a parent."""
    return [node.span for node in forest(spans, caller) if node.orphan]


def paths(spans: Sequence[Span]) -> list[str]:
    """The way from the root to each span by name, sorted."""
    by_id = {(span.trace, span.id): span for span in spans}
    return sorted(" > ".join(_way(span, by_id)) for span in spans)


def _is_root(span: Span, spans: Sequence[Span]) -> bool:
    # A parent that was never exported, or is in another trace, is no parent to whoever looks.
    return not any(_is_child(span, other) for other in spans)


def _is_child(span: Span, parent: Span) -> bool:
    return span.parent == parent.id and span.trace == parent.trace


def _node(span: Span, spans: Sequence[Span], orphan: bool) -> Node:
    children = (_node(other, spans, False) for other in spans if _is_child(other, span))
    return Node(span, orphan, tuple(children))


def _way(span: Span, by_id: dict[tuple[str, str], Span]) -> list[str]:
    above = by_id.get((span.trace, span.parent or ""))
    return [*(_way(above, by_id) if above else []), span.name]
