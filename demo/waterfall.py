"""A call's traces as a waterfall: a tree of rows, each with a bar from its span's start to its end.

The tree is nested lists, so that it is one for a screen reader too; what only the bars show, the
lists say in words that are not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from demo.markup import Markup, breakable, element, hidden, join
from demo.results import Call
from demo.spans import Node, Span, forest

_MILLISECOND = 1_000_000
# From here on a fraction of a millisecond does not matter.
_LONG = 10
_ORPHAN = "root of a trace of its own: its parent is missing"


@dataclass(frozen=True)
class Window:
    """The time that a picture is about, in nanoseconds.

    Attributes:
        start: Its beginning.
        end: Its end.
    """

    start: int
    end: int

    @classmethod
    def around(cls, spans: Sequence[Span]) -> Window:
        """The time from the start of the first span to the end of the last one."""
        starts, ends = ([getattr(span, name) for span in spans] for name in ("start", "end"))
        return cls(min(starts, default=0), max(ends, default=0))

    def share(self, duration: int) -> str:
        """How much of it a duration is, in per cent."""
        return f"{100 * duration / max(self.end - self.start, 1):.2f}%"


def waterfall(call: Call) -> Markup:
    """The picture of a call: its traces below each other, all on one scale."""
    window = Window.around(call.spans)
    numbers = {trace: n for n, trace in enumerate(dict.fromkeys(s.trace for s in call.spans), 1)}
    roots = forest(call.spans, call.caller)
    trees = (_trace(root, numbers[root.span.trace], window) for root in roots)
    drawn = element("ol", *trees, class_="traces", role="list")
    return element("div", _scale(window), drawn, class_="waterfall")


def _trace(root: Node, number: int, window: Window) -> Markup:
    whose = "begins with an orphan" if root.orphan else "the caller's own"
    label = element("p", f"Trace {number}: {whose}", class_="whose")
    kind = "orphaned" if root.orphan else "own"
    return element("li", label, _branches([root], 0, window), class_=f"trace {kind}")


def _branches(nodes: Sequence[Node], depth: int, window: Window) -> Markup:
    return element("ul", *(_branch(node, depth, window) for node in nodes), role="list")


def _branch(node: Node, depth: int, window: Window) -> Markup:
    below = _branches(node.children, depth + 1, window) if node.children else Markup()
    return element("li", _row(node, depth, window), below, style=f"--depth: {depth}")


def _row(node: Node, depth: int, window: Window) -> Markup:
    kind = "orphan" if node.orphan else "caller" if depth == 0 else "inner"
    cells = (_name(node), _time(node.span, window), _bar(node.span, window))
    return element("div", *cells, class_=f"row {kind}")


def _name(node: Node) -> Markup:
    name = breakable(node.span.name)
    if not node.orphan:
        return element("span", name, class_="name")
    tag = element("strong", "orphan", class_="tag")
    return element("span", tag, " ", name, hidden(f", {_ORPHAN}"), class_="name")


def _time(span: Span, window: Window) -> Markup:
    after = hidden(f", {milliseconds(span.start - window.start)} after the call began, for ")
    return element("span", after, milliseconds(span.end - span.start), class_="time")


def _bar(span: Span, window: Window) -> Markup:
    left, width = window.share(span.start - window.start), window.share(span.end - span.start)
    bar = element("span", class_="bar", style=f"--left: {left}; --width: {width}")
    return element("span", bar, class_="track", aria_hidden="true")


def _scale(window: Window) -> Markup:
    ends = join(element("span", text) for text in ("0", milliseconds(window.end - window.start)))
    return element("div", element("span", ends, class_="ends"), class_="scale", aria_hidden="true")


def milliseconds(nanoseconds: int) -> str:
    """A duration as people read it."""
    number = nanoseconds / _MILLISECOND
    return f"{number:.0f} ms" if number >= _LONG else f"{number:.1f} ms"
