"""What the tables and the page say."""

import json

from bench.case import BACKENDS, Case, calls, calls_with_uvloop, streams
from bench.report import all_tables, page
from bench.stats import Spread, ratio
from bench.tables import guard_tables, hop_tables, keeping_table, stream_table
from measured import compared, hops, kept, stream


def test_rounds_are_compared_with_each_other_and_not_their_medians():
    # Each round is as slow again as the one before: only pairs tell that it is always half.
    assert ratio([1, 2, 4], [2, 4, 8]) == Spread(0.5, 0.5, 0.5)


def test_every_case_has_a_name_of_its_own():
    for backend in BACKENDS:
        for quick in (False, True):
            chosen = (calls, calls_with_uvloop, streams)
            cases = [case for choose in chosen for case in choose(backend, quick=quick)]
            assert len({case.name for case in cases}) == len(cases)


def test_a_case_is_named_by_what_differs_from_the_simplest():
    assert Case().name == "Guard, 1 validator"
    assert Case("AsyncGuard", validators=4, fields=2, at_once=32).name == (
        "AsyncGuard, 4 validators, 2 + 2 fields, 32 at once"
    )


def test_guards_have_a_table_for_each_backend():
    tables = guard_tables([compared(Case()), compared(Case(), "mlflow", published=2.0)])
    assert [table.title for table in tables] == [
        "Whole Guards, tracing off",
        "Whole Guards, MLflow",
    ]
    assert tables[0].rows == [
        ["Guard, 1 validator", "2000.000", "1000.000", "0.50", "0.50 to 0.50", "1"]
    ]


def test_how_many_calls_mlflow_keeps_up_with_is_not_told():
    [table] = guard_tables([compared(Case(), "mlflow")])
    assert table.rows[0][-1] == ""


def test_hops_are_ratios_to_the_bare_one():
    [table] = hop_tables(hops(ours=1.5))
    rows = {name: figures for name, *figures in table.rows}
    assert rows["bare run_in_executor"] == ["15.0 µs", "15.0 µs"]
    assert rows["ours"] == ["1.50", "1.50"]


def test_streams_tell_the_first_chunk_and_the_rest():
    assert stream_table([stream(patched=0.25)]).rows == [
        [
            "tracing off: Guard, 1 validator, 100 chunks",
            "500.00",
            "0.25",
            "500000",
            "0.25",
            "0.25 to 0.25",
        ]
    ]


def test_what_stays_is_shown_for_both_trees(tmp_path):
    for tree, files in (("published", 20_000), ("patched", 0)):
        (tmp_path / f"keeping-{tree}.json").write_text(json.dumps([kept(files=files)]))
    assert [row[1:] for row in keeping_table(tmp_path).rows] == [
        ["published", "+0", "+20000", "+0"],
        ["patched", "+0", "+0", "+0"],
    ]


def test_the_page_has_every_table_that_has_figures(tmp_path):
    (tmp_path / "guards.json").write_text(json.dumps([compared(Case())]))
    text = page(all_tables(tmp_path, hops()), "On nothing.")
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# Performance",
        "## Bars",
        "## One hop",
        "### Python 3.11",
        "## Whole Guards",
        "### tracing off",
        "## Measured on",
    ]
