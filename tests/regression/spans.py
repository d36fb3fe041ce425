"""Spans as they were exported, and the tree that they make."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Optional

Path = tuple[str, ...]


@dataclass(frozen=True)
class Span:
    """What an exporter or a trace store knows of one span."""

    name: str
    id: str
    parent: Optional[str]
    trace: str
    start: int
    end: int


class Node(NamedTuple):
    """A span of the tree that is expected."""

    name: str
    children: tuple["Node", ...] = ()


def node(name: str, *children: Node) -> Node:
    """A span with the spans that are expected below it."""
    return Node(name, children)


def expected_paths(tree: Node, above: Path = ()) -> Counter[Path]:
    """How often each path from the root is expected."""
    path = (*above, tree.name)
    paths = Counter([path])
    for child in tree.children:
        paths += expected_paths(child, path)
    return paths


def seen_paths(spans: Iterable[Span]) -> Counter[Path]:
    """How often each path from a root was seen; an orphan is a root of its own."""
    by_id = {span.id: span for span in spans}
    return Counter(_path(span, by_id) for span in by_id.values())


def _path(span: Span, by_id: dict[str, Span]) -> Path:
    parent = by_id.get(span.parent or "")
    above = _path(parent, by_id) if parent else ()
    return (*above, span.name)


def outlasting(spans: Iterable[Span]) -> list[tuple[Span, Span]]:
    """The spans that are not inside their parent's interval, each with the parent."""
    by_id = {span.id: span for span in spans}
    pairs = [(span, by_id[span.parent]) for span in by_id.values() if span.parent in by_id]
    return [(s, p) for s, p in pairs if s.start < p.start or s.end > p.end]


def draw_expected(tree: Node, depth: int = 0) -> list[str]:
    """The expected tree, a line a span."""
    lines = ["  " * depth + tree.name]
    for child in tree.children:
        lines += draw_expected(child, depth + 1)
    return lines


def draw_seen(spans: Iterable[Span], root: str) -> list[str]:
    """The trees that were seen, a line a span, orphans marked."""
    ordered = sorted(spans, key=lambda span: span.start)
    known = {span.id for span in ordered}
    below: dict[Optional[str], list[Span]] = {}
    for span in ordered:
        below.setdefault(span.parent if span.parent in known else None, []).append(span)
    return _draw(below, None, 0, root)


def _draw(
    below: dict[Optional[str], list[Span]], at: Optional[str], depth: int, root: str
) -> list[str]:
    lines: list[str] = []
    for span in below.get(at, []):
        orphan = "   <- orphan" if depth == 0 and span.name != root else ""
        lines.append("  " * depth + span.name + orphan)
        lines += _draw(below, span.id, depth + 1, root)
    return lines
