import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import made
from demo import page, report, results, scores
from demo.markdown import table
from demo.results import Result
from demo.subjects import COMPARISONS, SUBJECTS, Subject
from demo.tables import Cell, region
from demo.waterfall import waterfall
from made import PUBLISHED, call, result, with_orphan
from outline import Outline
from scripts.errors import Failure

NASTY = "<script>alert('1')</script> & \"both\""


def played(subject: Subject) -> Result:
    return result(subject, call("Guard") if subject.patched else with_orphan())


@pytest.fixture(scope="module")
def written() -> str:
    return str(page.page([played(subject) for subject in SUBJECTS]))


@pytest.fixture(scope="module")
def outline(written: str) -> Outline:
    return Outline(written)


def shown(*paths: str, **changes: Any) -> str:
    return waterfall(result(PUBLISHED, call(spans=made.spans(list(paths)), **changes)).calls[0])


def test_everything_that_is_opened_is_closed(outline: Outline) -> None:
    assert outline.open == []


def test_headings_go_down_one_level_at_a_time(outline: Outline) -> None:
    levels = [level for level, _ in outline.headings]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_every_comparison_names_both_sides_and_what_came_of_them(outline: Outline) -> None:
    headings = [text for _, text in outline.headings]
    for was, patched in COMPARISONS:
        start = headings.index(f"{was.release}, {was.note}")
        assert headings[start + 1 : start + 5] == [
            was.name,
            "Guard: 2 traces, 1 orphan",
            patched.name,
            "Guard: 1 trace, no orphans",
        ]


def test_every_span_of_every_trace_is_there_once() -> None:
    twice = made.spans([made.CALLER, f"{made.CALLER} > same", f"{made.CALLER} > same > below"], "a")
    lost = made.spans(["same", "same > other"], "b")
    drawn = waterfall(result(PUBLISHED, call(spans=twice + lost)).calls[0])

    assert Counter(Outline(drawn).names) == Counter(span["name"] for span in twice + lost)


def test_an_orphan_is_named_in_words_and_its_trace_is_marked() -> None:
    drawn = waterfall(result(PUBLISHED, with_orphan()).calls[0])
    text = Outline(drawn).text

    assert "Trace 1: the caller's own handle request" in text
    assert "Trace 2: begins with an orphan orphan lonely, root of a trace of its own" in text
    assert text.count("root of a trace of its own: its parent is missing") == 1
    assert drawn.count('class="trace orphaned"') == drawn.count('class="row orphan"') == 1


def test_a_tree_is_nested_lists() -> None:
    depth, deepest = 0, 0
    for tag in re.findall(r"</?ul", shown("a", "a > b", "a > b > c", "a > d")):
        depth += -1 if tag == "</ul" else 1
        deepest = max(deepest, depth)

    assert (depth, deepest) == (0, 3)


def test_a_bar_begins_and_ends_where_its_span_does() -> None:
    spans = made.spans([made.CALLER, f"{made.CALLER} > a", f"{made.CALLER} > b"])
    spans[0].update(start=1_000, end=5_001_000)
    spans[1].update(start=1_000, end=1_251_000)
    spans[2].update(start=2_501_000, end=5_001_000)
    drawn = waterfall(result(PUBLISHED, call(spans=spans)).calls[0])

    assert Outline(drawn).attributes("style") == [
        "--depth: 0",
        "--left: 0.00%; --width: 100.00%",
        "--depth: 1",
        "--left: 0.00%; --width: 25.00%",
        "--depth: 1",
        "--left: 50.00%; --width: 50.00%",
    ]
    assert "2.5 ms after the call began, for 2.5 ms" in Outline(drawn).text


@pytest.mark.parametrize("spans", [[], made.spans(["a"])[:1]])
def test_what_took_no_time_can_be_drawn(spans: list[dict[str, Any]]) -> None:
    still = [{**span, "end": span["start"]} for span in spans]

    assert "0.0 ms" in waterfall(result(PUBLISHED, call(spans=still)).calls[0])


def test_what_comes_from_outside_is_escaped() -> None:
    drawn = shown(NASTY) + region(NASTY, [NASTY], [[Cell(NASTY), Cell(NASTY, NASTY, NASTY)]])

    assert "<script" not in drawn
    assert NASTY.replace("/", "") in Outline(drawn).text.replace("/", "")
    assert Outline(drawn).attributes("aria-labelledby") == [NASTY, NASTY]


def test_nothing_is_fetched_and_nothing_runs(written: str, outline: Outline) -> None:
    tags = {tag for tag, _ in outline.tags}

    assert "://" not in written
    assert not tags & {"script", "link", "img", "iframe", "object", "embed"}
    assert not re.search(r"url\(|@import|src=", written)
    assert not [name for _, found in outline.tags for name in found if name.startswith("on")]
    assert all(target.startswith("#") for target in outline.attributes("href"))


def test_ids_are_there_once_and_links_and_labels_lead_somewhere(outline: Outline) -> None:
    ids = outline.attributes("id")
    targets = [target.removeprefix("#") for target in outline.attributes("href")]

    assert len(set(ids)) == len(ids)
    assert targets
    assert {*targets, *outline.attributes("aria-labelledby")} <= set(ids)


def test_it_is_made_for_phones_and_for_both_colour_schemes(written: str, outline: Outline) -> None:
    assert ("html", {"lang": "en"}) in outline.tags
    assert "width=device-width, initial-scale=1" in outline.attributes("content")
    assert "prefers-color-scheme: dark" in written
    assert "light dark" in outline.attributes("content")


def test_every_colour_has_a_dark_twin() -> None:
    style = (Path(page.__file__).with_name("page.css")).read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = re.compile(r"(--[\w-]+): #")

    assert colours.findall(light) == colours.findall(dark)


def test_the_closing_table_says_what_the_terminal_says(outline: Outline) -> None:
    for subject in SUBJECTS:
        assert " ".join(cell.plain for cell in report.row(played(subject))) in outline.text


def test_the_scoreboard_is_below_the_pictures_with_every_release(outline: Outline) -> None:
    below = outline.text[outline.text.rindex("The scoreboard") :]

    for release, row in table(scores.BOARD, "Releases").items():
        assert f" {' '.join(row.values())} " in below, release
    assert re.search(r"What D1 to D\d+ are D1 ", below)


def test_it_says_what_it_was_measured_on(outline: Outline) -> None:
    assert "guardrails-ai 9.9.9; Python 3.11.7; MLflow 3.17.2" in outline.text


def test_it_is_the_same_each_time(written: str) -> None:
    assert written == page.page([played(subject) for subject in SUBJECTS])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for subject in SUBJECTS:
        calls = (call("Guard"),) if subject.patched else (with_orphan(),)
        results.path(tmp_path, subject).write_text(json.dumps(made.content(*calls)))
    return tmp_path


def test_the_report_writes_it_and_says_where(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main(folder) == 0
    assert f"The same for a browser: {folder / 'index.html'}" in capsys.readouterr().out
    assert (folder / "index.html").read_text().startswith("<!doctype html>\n<html lang")


def test_without_results_there_is_no_page_and_one_clear_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results.path(folder, SUBJECTS[0]).unlink()

    assert report.main(folder) == 1
    assert not (folder / "index.html").exists()
    (line,) = capsys.readouterr().err.splitlines()
    assert "run `make demo`" in line


@pytest.mark.parametrize("value", ["absent", None])
def test_results_without_times_are_one_clear_line(
    value: str | None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = made.content(call())
    for span in older["calls"][0]["spans"]:
        del span["end"]
        span.update({} if value else {"end": None})
    results.path(folder, SUBJECTS[0]).write_text(json.dumps(older))

    assert report.main(folder) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "outdated" in line and "run `make demo`" in line


@pytest.mark.parametrize(
    ("board", "told"),
    [
        (None, "No such file"),
        ("# Scoreboard\n", "has no section `Releases`"),
        ("## Releases\n\n## Defects\n\n## Measured on\n", "a table has changed"),
        ("## Releases\n\n| a | b |\n|---|---|\n| c |\n", "a table has changed"),
    ],
)
def test_a_scoreboard_that_cannot_be_read_is_one_clear_line(
    board: str | None, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "board.md"
    if board is not None:
        path.write_text(board)

    with pytest.raises(Failure, match=told) as failure:
        scores.scoreboard(path)

    assert str(path) in str(failure.value)
    assert "\n" not in str(failure.value)
