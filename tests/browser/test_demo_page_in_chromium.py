"""The demo's page at three widths, in both colour schemes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect
from regression.waiting import PATIENCE

from demo import page
from demo.results import FOLDER, Result
from demo.subjects import COMPARISONS, Subject
from screen import Scheme, Screen, screen

ADDRESS = (FOLDER / page.NAME).resolve().as_uri()
CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
# What WCAG 2 asks of text, at level AA.
ENOUGH = 4.5
PHONE, TABLET, DESKTOP = WIDTHS = (360, 768, 1280)
# Whatever sticks out of the window, unless it is in a region that scrolls by itself.
STICKING_OUT = """
(elements) => elements
  .filter((element) => !element.closest(".scroll") && !element.closest(".hidden"))
  .filter((element) => element.getBoundingClientRect().right > window.innerWidth + 0.5)
  .map((element) => element.outerHTML.slice(0, 100))
"""


@pytest.fixture(
    scope="module",
    params=[(width, scheme) for width in WIDTHS for scheme in ("light", "dark")],
    ids=lambda param: f"{param[0]}-{param[1]}",
)
def shown(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Screen]:
    width: int
    scheme: Scheme
    width, scheme = request.param
    with screen(browser, ADDRESS, width, scheme=scheme) as opened:
        opened.page.goto(ADDRESS)
        opened.shoot(f"demo-{width}-{scheme}", whole=True)
        yield opened


def side(shown: Screen, pair: tuple[Subject, ...], subject: Subject) -> Locator:
    """The part of a comparison that is about one subject."""
    section = shown.page.get_by_role("heading", level=2, name=pair[0].release).locator("..")
    heading = shown.page.get_by_role("heading", level=3, name=subject.name, exact=True)
    return section.get_by_role("article").filter(has=heading)


def marks(within: Locator) -> Locator:
    """The word that marks an orphan, wherever it can be seen."""
    return within.get_by_text("orphan", exact=True).filter(visible=True)


def width_of(shown: Screen) -> int:
    size = shown.page.viewport_size
    assert size is not None
    return size["width"]


def test_nothing_sticks_out_of_the_window(shown: Screen) -> None:
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width_of(shown)
    assert shown.page.locator("body *").evaluate_all(STICKING_OUT) == []


@pytest.mark.parametrize("pair", COMPARISONS, ids=lambda pair: pair[0].release)
def test_both_trees_can_be_seen_and_only_the_published_one_has_orphans(
    shown: Screen, pair: tuple[Subject, ...], found: list[Result]
) -> None:
    orphans = {result.subject: len(result.orphans) for result in found}
    for subject in pair:
        tree = side(shown, pair, subject)
        expect(tree.get_by_text("handle request", exact=True)).to_have_count(2)
        expect(tree.get_by_text("handle request", exact=True).first).to_be_visible()
        expect(marks(tree)).to_have_count(orphans[subject])
        assert bool(orphans[subject]) is not subject.patched


@pytest.mark.parametrize("pair", COMPARISONS, ids=lambda pair: pair[0].release)
def test_trees_stand_side_by_side_where_there_is_room_and_else_below_each_other(
    shown: Screen, pair: tuple[Subject, ...]
) -> None:
    was, patched = (side(shown, pair, subject).bounding_box() for subject in pair)
    assert was is not None and patched is not None

    if width_of(shown) == DESKTOP:
        assert was["y"] == patched["y"] and was["x"] + was["width"] < patched["x"]
    else:
        assert was["x"] == patched["x"] and was["y"] + was["height"] < patched["y"]


def test_every_text_stands_out_from_what_is_behind_it(shown: Screen) -> None:
    shown.page.get_by_text("What D1 to").click()
    texts = shown.page.locator("body *").evaluate_all(CONTRAST)
    orphans = [text for text in texts if text["text"] == "orphan"]

    assert len(orphans) == marks(shown.page.locator("main")).count() > 0
    assert [text for text in texts if text["ratio"] < ENOUGH] == []


def test_the_two_schemes_are_not_the_same(shown: Screen) -> None:
    dark = shown.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    ground = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in ground.removeprefix("rgb(").rstrip(")").split(", "))

    assert (brightness < 3 * 128) is dark


def test_a_screen_reader_hears_the_headings_and_which_spans_are_orphans(
    shown: Screen, found: list[Result]
) -> None:
    heard = shown.page.locator("body").aria_snapshot()

    for pair in COMPARISONS:
        assert f'- heading "{pair[0].release}, {pair[0].note}" [level=2]' in heard
    for result in found:
        assert f'- heading "{result.subject.name}" [level=3]' in heard
    orphans = {result.subject: len(result.orphans) for result in found}
    told = sum(orphans[subject] for pair in COMPARISONS for subject in pair)
    assert heard.count("- strong: orphan") == told
    assert heard.count("root of a trace of its own: its parent is missing") == told
    assert "- main:" in heard and '- region "By release":' in heard


@pytest.mark.parametrize("name", ["What was lost", "By release", "As published, by defect"])
def test_a_table_that_is_too_wide_scrolls_by_itself_and_by_keyboard(
    shown: Screen, name: str
) -> None:
    region = shown.page.get_by_role("region", name=name)
    hidden = region.evaluate("region => region.scrollWidth - region.clientWidth")
    region.focus()
    expect(region).to_be_focused()
    if hidden > 0:
        shown.page.keyboard.press("ArrowRight")
        scrolled = "() => document.activeElement.scrollLeft > 0"
        shown.page.wait_for_function(scrolled, timeout=1000 * PATIENCE)
    assert hidden == 0 or width_of(shown) != DESKTOP


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_readmes_picture_has_one_call_as_published_and_patched(
    browser: Browser, scheme: Scheme
) -> None:
    # As wide as side by side goes: on the README's page it is shrunk.
    with screen(browser, ADDRESS, 1120, scheme=scheme, scale=1.5) as opened:
        opened.page.goto(ADDRESS)
        opened.page.add_style_tag(content=".call + .call { display: none }")
        newest = opened.page.locator(".pair").last
        opened.shoot(f"call-{scheme}", part=newest)

        expect(newest.get_by_role("heading", level=4)).to_have_count(2)
        expect(marks(newest.get_by_role("article").first)).not_to_have_count(0)
        expect(marks(newest.get_by_role("article").last)).to_have_count(0)


def test_it_asks_for_nothing_and_complains_about_nothing(shown: Screen) -> None:
    assert shown.asked == []
    assert shown.complaints == []
