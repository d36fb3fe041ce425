"""Patch files are taken apart as git means them."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkout import Checkout
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import git, patchfile

ROWS = st.lists(st.sampled_from(["a", "b", "", "-- ", "++ x", "@@ -1 +1 @@", "diff --git a/x b/x"]))


def test_paths_ids_and_hunks_are_read(checkout: Checkout) -> None:
    (diff,) = patchfile.diffs(checkout.patches("2.0.0")[0].read_bytes())
    assert diff.path == "guardrails/run.py"
    assert diff.blobs[0] == checkout.git("2.0.0", "rev-parse", "upstream:guardrails/run.py").strip()
    assert [hunk.line for hunk in diff.hunks] == [7]
    assert b"+step_10 = context(10)" in diff.hunks[0].rows


@settings(max_examples=40, deadline=None)
@given(old=ROWS, new=ROWS)
def test_no_row_of_a_hunk_is_taken_for_a_header(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("diff")
    for name, rows in (("old", old), ("new", new)):
        (folder / name).write_text("".join(f"{row}\n" for row in rows))
    text = git.attempt(folder, "diff", "--no-index", "--full-index", "old", "new").stdout
    diffs = patchfile.diffs(text)
    assert len(diffs) == (old != new)
    rows = [row for diff in diffs for hunk in diff.hunks for row in hunk.rows]
    removed = sum(row.startswith(b"-") for row in rows)
    added = sum(row.startswith(b"+") for row in rows)
    stat = git.attempt(folder, "diff", "--no-index", "--numstat", "old", "new").stdout.split()
    assert [added, removed] == [int(number) for number in stat[:2] or (0, 0)]


def test_the_hunk_that_starts_at_a_line_is_counted(tmp_path: Path) -> None:
    patch = tmp_path / "x.patch"
    patch.write_text(
        "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n"
        "@@ -1,2 +1,2 @@\n a\n-b\n+c\n@@ -9 +9 @@ def f\n-b\n+c\n"
    )
    assert [patchfile.hunk_number(patch, "x.py", line) for line in (1, 9, 5)] == [1, 2, 0]
    assert patchfile.hunk_number(patch, "y.py", 1) == 0
