import io
import json
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

import made
from demo import report, results
from demo.subjects import COMPARISONS, SUBJECTS
from made import PATCHED, PUBLISHED, call, result, with_orphan


def text(renderable: RenderableType, width: int = 110) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_an_orphan_is_marked_by_a_word_and_not_by_colour_alone() -> None:
    shown = text(report.comparison([result(PUBLISHED, with_orphan())], 110))

    assert "ORPHAN lonely\n" in "\n".join(line.rstrip() for line in shown.splitlines()) + "\n"
    assert "ORPHAN handle request" not in shown


def test_trees_stand_side_by_side_where_there_is_room() -> None:
    pair = [result(PUBLISHED, with_orphan()), result(PATCHED, call())]

    assert "Guard: 2 traces" in text(report.comparison(pair, 110))
    assert text(report.comparison(pair, 110)).splitlines()[0].count("9.9.9") == 2


def test_trees_are_stacked_where_there_is_none() -> None:
    pair = [result(PUBLISHED, with_orphan()), result(PATCHED, call())]
    lines = text(report.comparison(pair, 80), 80).splitlines()

    assert sum("9.9.9" in line for line in lines) == 2
    assert lines[0].count("9.9.9") == 1
    assert max(map(len, lines)) <= 80


def test_a_row_counts_traces_orphans_losses_and_what_was_left() -> None:
    lossy = call("AsyncGuard", seen=made.seen(lost=4), left=["call_kwargs"])
    cells = report.row(result(PUBLISHED, with_orphan(), lossy))

    assert [cell.plain for cell in cells] == [
        "9.9.9 as published",
        "3",
        "1",
        "2 of 8",
        "1 of 8",
        "1 of 8",
        "1",
    ]


def test_the_table_has_a_row_for_each_subject() -> None:
    shown = text(report.table([result(PUBLISHED, with_orphan()), result(PATCHED, call())]))

    assert shown.index("9.9.9 as published") < shown.index("9.9.9 patched")


def test_every_subject_is_compared() -> None:
    assert {subject for pair in COMPARISONS for subject in pair} == set(SUBJECTS)
    assert all(patched.patched and not was.patched for was, patched in COMPARISONS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for subject in SUBJECTS:
        played = (call("Guard"),) if subject.patched else (with_orphan(),)
        results.path(tmp_path, subject).write_text(json.dumps(made.content(*played)))
    return tmp_path


def test_the_report_is_a_success_when_it_shows_what_it_should(folder: Path) -> None:
    assert report.main(folder) == 0


def test_the_report_fails_when_a_patched_tree_loses_something(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lossy = made.content(call(seen=made.seen(lost=1)))
    results.path(folder, SUBJECTS[-1]).write_text(json.dumps(lossy))

    assert report.main(folder) == 1
    assert "error: 0.11.0 patched, Guard: LLM callable lost the ContextVar" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("broken", ["", "{}", "[]", '{"calls": [{}]}'])
def test_a_damaged_result_is_one_clear_line(
    folder: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    results.path(folder, SUBJECTS[0]).write_text(broken)

    assert report.main(folder) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "damaged" in line and "make demo" in line


def test_a_missing_result_is_one_clear_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results.path(folder, SUBJECTS[0]).unlink()

    assert report.main(folder) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no result of 0.6.0 as published: run `make demo`" in line
