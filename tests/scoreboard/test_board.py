"""What the page says of the results, and what it refuses."""

import pytest

from scoreboard import board
from scoreboard.board import Result
from scoreboard.trees import Tree

CELLS = {"D2: a call": ["lost"], "D10: twice": ["2 spans", "2 steps"], "D1: a thread": ["lost"]}
WHOLE = dict.fromkeys(CELLS, ())
VERSIONS = {"python": "3.11.7", "mlflow": "3.17.2", "opentelemetry-sdk": "1.39.1"}


def pair(release, published=CELLS, patched=WHOLE):
    trees = Tree(release, False), Tree(release, True)
    return [
        Result(tree, faults, VERSIONS)
        for tree, faults in zip(trees, (published, patched), strict=True)
    ]


@pytest.fixture
def results():
    return [*pair("0.6.0"), *pair("0.6.1", {**CELLS, "D2: a call": ()}), *pair("0.10.2")]


def test_whole_patched_trees_are_no_problem(results):
    assert board.problems(results) == []


def test_a_patched_tree_that_broke_is_a_problem(results):
    results += pair("0.11.0", patched={**WHOLE, "D10: twice": ["2 spans"]})
    assert board.problems(results) == ["0.11.0-patched: D10: twice: 2 spans"]


def test_a_cell_that_never_broke_is_a_problem(results):
    results = [Result(r.tree, {**r.faults, "D3: idle": ()}, r.versions) for r in results]
    assert board.problems(results) == ["D3: idle broke on no published tree"]


def test_a_tree_that_did_not_play_every_cell_is_a_problem(results):
    results += pair("0.11.0", patched={"D10: twice": ()})
    assert board.problems(results) == ["0.11.0-patched did not play every cell"]


def test_cells_are_counted_by_defect(results):
    assert results[0].by_defect == {"D1": 1, "D2": 1, "D10": 1}


def test_defects_are_columns_in_their_own_order(results):
    head, rows = board.defects(results)
    assert head == ("", "D1", "D2", "D10")
    assert rows[0] == ("cells", 1, 1, 1)
    assert rows[2] == ("0.6.1", 1, 0, 1)


def test_releases_are_rows_and_upstreams_own_fix_is_one(results):
    assert board.releases(results) == [
        ("0.6.0", 3, 3, 0),
        ("0.6.1 (upstream's own fix)", 3, 2, 0),
        ("0.10.2", 3, 3, 0),
    ]


def test_environments_are_grouped(results):
    assert board.environments(results) == [("0.6.0 to 0.10.2", "3.11.7", "3.17.2", "1.39.1")]


def test_a_table_is_markdown():
    assert board.table(("a", "b"), [("x", 1)]) == ["| a | b |", "| --- | --: |", "| x | 1 |"]


def test_the_page_says_that_it_is_generated_and_what_the_peer_mends(results):
    page = board.render(results, "2026-11-22")
    assert page.startswith("<!-- Written by `make scoreboard`")
    assert "mends 1 of the 3 cells that are\nbroken in 0.6.0 (D2: 1), and breaks 0 that" in page
    assert "2026-11-22." in page


def test_a_result_is_read_back(tmp_path):
    for tree in (Tree("0.6.0", False), Tree("0.6.0", True)):
        text = '{"python": "3.11.7", "cells": {"D1: a thread": ["lost"]}}'
        (tmp_path / f"{tree.name}.json").write_text(text)
    first, second = board.load(tmp_path, ["0.6.0"])
    assert (first.tree.patched, second.tree.patched) == (False, True)
    assert first.broken == ["D1: a thread"]
    assert first.versions == {"python": "3.11.7"}
