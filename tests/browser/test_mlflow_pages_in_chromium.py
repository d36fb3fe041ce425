"""MLflow's own pages on the demo's store: what a person sees of each subject."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from regression import waiting

from demo import spans, ui
from demo.results import Result
from demo.subjects import SUBJECTS
from screen import Screen, screen

# In milliseconds; MLflow's server reads its store for the first time.
PATIENCE = 1000 * waiting.PATIENCE
# A first visit begins with a hint and a chat, which cover what this is about.
VISITED = {
    "mlflow.detectIssues.guidanceShown_v1": "true",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "mlflow.assistant.panelOpen_v1": "false",
}
ROW = re.compile("^timeline-tree-node-")
# What stands in each row of a trace's tree, and how far from the left and the top.
NAMES = """
(rows) => rows
  .map((row) => row.querySelector("[data-testid^=span-title-row]"))
  .map((title) => [title.getBoundingClientRect(), title.innerText.trim()])
  .sort(([one], [other]) => one.top - other.top)
  .map(([box, name]) => [box.left, name])
"""


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind((ui.HOST, 0))
        port = probe.getsockname()[1]
    with ui.serving(port):
        yield ui.root(port)


@pytest.fixture(scope="module", params=SUBJECTS, ids=lambda subject: subject.slug)
def result(request: pytest.FixtureRequest, found: list[Result]) -> Result:
    return next(result for result in found if result.subject == request.param)


@pytest.fixture(scope="module")
def shown(browser: Browser, root: str) -> Iterator[Screen]:
    with screen(browser, root, 1280, height=800) as opened:
        opened.page.set_default_timeout(PATIENCE)
        for key, value in VISITED.items():
            store = f"localStorage.setItem({json.dumps(key)}, {json.dumps(value)})"
            opened.page.add_init_script(store)
        yield opened


@pytest.fixture(scope="module")
def trees(shown: Screen, result: Result, root: str) -> list[list[str]]:
    """What the pages of one call's traces show: the way from the root to each span."""
    found = []
    for number, (_, address) in enumerate(ui.addresses([result], root), 1):
        found.append(opened(shown.page, address))
        shown.shoot(f"mlflow-{result.subject.slug}-trace-{number}")
    return found


def opened(page: Page, address: str) -> list[str]:
    # A new page each time: with the hash alone changed, the old trace stays in sight for a while.
    page.goto("about:blank")
    page.goto(address)
    panel = page.get_by_role("dialog")
    trace = address.rpartition("tr-")[2]
    expect(panel.get_by_role("button", name=trace[:8])).to_be_visible(timeout=PATIENCE)
    rows = panel.get_by_test_id(ROW)
    expect(rows.first).to_be_visible(timeout=PATIENCE)
    return ways(rows.evaluate_all(NAMES))


def ways(rows: list[tuple[float, str]]) -> list[str]:
    """The way to each row, as whoever looks reads it: it is below the last one further left."""
    found: list[str] = []
    above: list[tuple[float, str]] = []
    for left, name in rows:
        above = [*(row for row in above if row[0] < left), (left, name)]
        found.append(" > ".join(name for _, name in above))
    return sorted(found)


def test_the_list_has_one_trace_a_call_where_patched_and_several_as_published(
    shown: Screen, result: Result, root: str
) -> None:
    shown.page.goto(ui.listing(result, root))
    experiment = shown.page.get_by_role("link", name=result.subject.slug).first
    expect(experiment).to_be_visible(timeout=PATIENCE)
    listed = shown.page.get_by_role("row", name=re.compile("^Select trace tr-"))
    expect(listed).to_have_count(len(result.traces), timeout=PATIENCE)
    shown.shoot(f"mlflow-{result.subject.slug}-list")

    if result.subject.patched:
        assert listed.count() == len(result.calls)
    else:
        assert listed.count() > len(result.calls)


def test_one_call_is_one_trace_where_patched_and_several_as_published(
    result: Result, trees: list[list[str]]
) -> None:
    assert (len(trees) == 1) is result.subject.patched


def test_the_validators_inner_span_hangs_in_the_callers_trace_only_where_patched(
    result: Result, trees: list[list[str]]
) -> None:
    (way,) = [way for tree in trees for way in tree if way.endswith("chat judge")]

    if result.subject.patched:
        assert way.startswith("handle request > ")
        assert way.endswith(" > demo/polite.validate > chat judge")
    else:
        # In 0.6.0 the validator is astray together with its inner span.
        assert way in {"chat judge", "demo/polite.validate > chat judge"}


def test_a_page_shows_what_was_recorded(result: Result, trees: list[list[str]]) -> None:
    call = result.calls[-1]
    traces = {span.trace for span in call.spans}
    recorded = [[span for span in call.spans if span.trace == trace] for trace in traces]

    assert sorted(trees) == sorted(map(spans.paths, recorded))


def test_nothing_is_asked_of_any_other_machine(shown: Screen) -> None:
    assert shown.asked == []
