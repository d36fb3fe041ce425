"""Writes what the demo shows as one page, for a browser: pictures, figures, and the scoreboard.

Everything is in the one file, which asks nothing of any network and runs no script.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from demo import scores, summary
from demo.markup import Markup, element
from demo.results import Call, Result
from demo.subjects import COMPARISONS, Subject
from demo.tables import Cell, region
from demo.waterfall import waterfall

NAME = "index.html"
TITLE = "One Guard call, one trace"
_STYLE = Path(__file__).with_name("page.css")
_KINDS = {None: "", False: "good", True: "bad"}
_LEGEND = {
    "caller": "the caller's own span",
    "inner": "a span below another",
    "orphan": "an orphan: a root that should have had a parent",
}
_INTRODUCTION = (
    "Whoever looks at a trace expects all of a request in it. guardrails-ai, as published, lets go "
    "of its caller's context on the way to threads and tasks: one call falls apart into several "
    "traces, and what is in the others cannot be found from the caller's. Here the same two calls "
    "were made on releases as published and with this project's patches. This is what MLflow "
    "recorded."
)
_READING = (
    "The caller opens the span ",
    element("code", "handle request"),
    " and calls a Guard, then an AsyncGuard. An LLM answers, ",
    element("code", "chat writer"),
    "; one validator asks another LLM, ",
    element("code", "chat judge"),
    ", and a second one finds a phone number, which an on_fail handler masks. Only the LLMs are "
    "made up. Each row is a span, and its bar lasts from its start to its end. Widths are those of "
    "one run, and each call has a scale of its own: compare the shapes, not the speeds.",
)
_ABOUT_SCORES = (
    "Every release, as published and patched, before the same cells. A cell is one situation in "
    "which a defect shows; it is broken where a span is an orphan, missing or double, where a "
    "caller's value is lost, or where somebody else sees it. ",
    element("code", "make scoreboard"),
    " measures all of it anew.",
)


def write(folder: Path, found: Sequence[Result]) -> Path:
    """Write the page.

    Args:
        folder: Where to.
        found: Every subject's result.

    Raises:
        scripts.errors.Failure: If the scoreboard cannot be read.
    """
    path = folder / NAME
    path.write_text(f"<!doctype html>\n{page(found)}\n", encoding="utf-8")
    return path


def page(found: Sequence[Result]) -> Markup:
    """The whole page."""
    main = element("main", *_comparisons(found), _losses(found), _scoreboard())
    body = element("body", _header(), main, _footer(found))
    return element("html", _head(), body, lang="en")


def _head() -> Markup:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{TITLE}: guardrails-ai as published and patched"),
        element("style", Markup(_STYLE.read_text(encoding="utf-8"))),
    )


def _header() -> Markup:
    return element(
        "header",
        element("h1", TITLE),
        element("p", _INTRODUCTION, class_="lead"),
        element("nav", _contents(), aria_label="On this page"),
        element("p", *_READING),
        element("ul", *_legend(), class_="legend", role="list"),
    )


def _contents() -> Markup:
    links = [*((_anchor(pair), _title(pair)) for pair in COMPARISONS)]
    links += [("lost", "What was lost"), ("scoreboard", "The scoreboard")]
    items = (element("li", element("a", text, href=f"#{anchor}")) for anchor, text in links)
    return element("ul", *items, role="list")


def _legend() -> Iterator[Markup]:
    for kind, text in _LEGEND.items():
        swatch = element("span", class_="bar", aria_hidden="true")
        yield element("li", swatch, text, class_=kind)


def _comparisons(found: Sequence[Result]) -> Iterator[Markup]:
    by_subject = {result.subject: result for result in found}
    for pair in COMPARISONS:
        heading = element("h2", _title(pair))
        sides = _pair([by_subject[subject] for subject in pair])
        yield element("section", heading, sides, id=_anchor(pair))


def _pair(results: Sequence[Result]) -> Markup:
    # One for the names, and one for each call, so that calls of a kind begin at the same height.
    rows = 1 + max(len(result.calls) for result in results)
    return element("div", *map(_side, results), class_="pair", style=f"--rows: {rows}")


def _title(pair: Sequence[Subject]) -> str:
    return f"{pair[0].release}, {pair[0].note}"


def _anchor(pair: Sequence[Subject]) -> str:
    return f"from-{pair[0].release}"


def _side(result: Result) -> Markup:
    kind = "patched" if result.subject.patched else "published"
    calls = (
        element("section", element("h4", *_heading(call)), waterfall(call), class_="call")
        for call in result.calls
    )
    return element("article", element("h3", result.subject.name), *calls, class_=kind)


def _heading(call: Call) -> Iterator[str]:
    traces, orphans = {span.trace for span in call.spans}, call.orphans
    yield f"{call.kind}: {summary.counted(len(traces), 'trace')}, "
    yield element(
        "span", summary.counted(len(orphans), "orphan"), class_="bad" if orphans else "good"
    )


def _losses(found: Sequence[Result]) -> Markup:
    rows = ([_figure(figure) for figure in summary.row(result)] for result in found)
    return element(
        "section",
        element("h2", "What was lost", id="lost-heading"),
        element("p", summary.caption(found)),
        region("lost-heading", summary.COLUMNS, rows),
        id="lost",
    )


def _figure(figure: summary.Figure) -> Cell:
    return Cell(figure.text, _KINDS[figure.bad])


def _scoreboard() -> Markup:
    return element(
        "section",
        element("h2", "The scoreboard"),
        element("p", *_ABOUT_SCORES),
        scores.scoreboard(),
        id="scoreboard",
    )


def _footer(found: Sequence[Result]) -> Markup:
    releases = ", ".join(dict.fromkeys(result.versions["guardrails"] for result in found))
    return element(
        "footer",
        element("p", f"The calls ran on guardrails-ai {releases}; {summary.versions(found)}."),
        element("p", "Written by ", element("code", "make demo"), "."),
    )
