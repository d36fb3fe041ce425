"""`refresh-patches`: a tree's commits become its line's patches, or nothing changes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from checkout import REASON, TRAILERS, Checkout, git

from scripts import files


def test_an_untouched_tree_exports_byte_for_byte_what_it_was_built_from(
    checkout: Checkout,
) -> None:
    before = checkout.snapshot()
    result = checkout.run("refresh-patches")
    assert result.code == 0
    assert result.out == "1.0.0: unchanged (2 patches)\n2.0.0: unchanged (2 patches)\n"
    assert checkout.snapshot() == before


def test_a_new_commit_becomes_a_patch(checkout: Checkout) -> None:
    checkout.edit("2.0.0", "guardrails/call.py", "return 1", "return 2")
    checkout.commit("2.0.0", "Return two")
    assert checkout.run("refresh-patches", "--release", "2.0.0").code == 0
    assert [path.name for path in checkout.patches("2.0.0")] == [
        "0001-Keep-the-context-in-step-10.patch",
        "0002-Add-a-context.patch",
        "0003-Return-two.patch",
    ]
    assert checkout.git("2.0.0", "rev-parse", "HEAD^{tree}").strip() == checkout.lock["2.0.0"].tree
    assert checkout.run("apply-patches").out.count("up to date") == 3
    assert checkout.run("check-patches").err == ""


def test_the_revision_counts_the_trees_that_a_release_has_had(checkout: Checkout) -> None:
    before = {version: release.revision for version, release in checkout.lock.items()}
    checkout.git("2.0.0", "commit", "-q", "--amend", "-m", f"Add it\n\n{REASON}\n{TRAILERS}")
    assert checkout.run("refresh-patches").code == 0
    assert {version: release.revision for version, release in checkout.lock.items()} == before
    checkout.edit("2.0.0", "guardrails/call.py", "return 1", "return 2")
    checkout.commit("2.0.0", "Return two")
    assert checkout.run("refresh-patches").code == 0
    after = {version: release.revision for version, release in checkout.lock.items()}
    assert after == {**before, "2.0.0": before["2.0.0"] + 1}


def test_a_dropped_commit_takes_its_patch_along(checkout: Checkout) -> None:
    checkout.git("2.0.0", "reset", "-q", "--hard", "HEAD~1")
    result = checkout.run("refresh-patches", "--release", "2.0.0")
    assert result.out.startswith("2.0.0: 1 patch, trees rebuilt: 2.0.0\n")
    assert [path.name for path in checkout.patches("2.0.0")] == [
        "0001-Keep-the-context-in-step-10.patch"
    ]


def test_comments_and_other_files_of_a_line_stay(checkout: Checkout) -> None:
    line = checkout.layout.line("2.0.0")
    rows = (line / "series").read_text()
    (line / "series").write_text(f"# The order matters.\n\n{rows}")
    (line / "NOTES.md").write_text("notes\n")
    checkout.git("2.0.0", "reset", "-q", "--hard", "HEAD~1")
    assert checkout.run("refresh-patches").code == 0
    assert (line / "series").read_text() == (
        "# The order matters.\n\n0001-Keep-the-context-in-step-10.patch\n"
    )
    assert (line / "NOTES.md").read_text() == "notes\n"


def test_a_fixup_goes_into_its_patch_by_the_command_that_is_named(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.edit("2.0.0", "guardrails/run.py", "context(10)", "context(11)")
    checkout.git("2.0.0", "commit", "-qa", "--fixup", "HEAD~1")
    before = checkout.snapshot()
    result = checkout.run("refresh-patches")
    assert result.code == 1
    assert "run `git -C guardrails/2.0.0 rebase -i --autosquash upstream`" in result.err
    assert checkout.snapshot() == before

    monkeypatch.setenv("GIT_SEQUENCE_EDITOR", "true")
    checkout.git("2.0.0", "rebase", "-q", "-i", "--autosquash", "upstream")
    assert checkout.run("refresh-patches").code == 0
    first, second = checkout.patches("2.0.0")
    assert "+step_10 = context(11)\n" in first.read_text()
    assert second.name == "0002-Add-a-context.patch"


def test_an_edit_on_a_lines_newest_release_reaches_the_older_ones(checkout: Checkout) -> None:
    checkout.edit("1.1.0", "guardrails/run.py", "step_20 = 20", "step_20 = context(20)")
    checkout.commit("1.1.0", "Keep the context in step 20")
    result = checkout.run("refresh-patches")
    assert "1.0.0: 3 patches, trees rebuilt: 1.0.0, 1.1.0" in result.out
    assert "context(20)" in (checkout.tree("1.0.0") / "guardrails" / "run.py").read_text()
    assert checkout.run("check-patches").err == ""


def test_nothing_changes_if_an_older_release_no_longer_builds(checkout: Checkout) -> None:
    # The first rows of 1.1.0 are not in 1.0.0.
    checkout.edit("1.1.0", "guardrails/run.py", "# new\n# new", "# new\n# context\n# new")
    checkout.commit("1.1.0", "Note the context")
    before = checkout.snapshot()
    result = checkout.run("refresh-patches")
    assert result.code == 1
    assert "patches/1.0.0/0003-Note-the-context.patch: does not apply to 1.0.0" in result.err
    after = {path: text for path, text in checkout.snapshot().items() if ".building" not in path}
    assert after == before


def test_nothing_changes_if_the_last_step_fails(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.git("1.1.0", "reset", "-q", "--hard", "HEAD~1")
    before = checkout.snapshot()
    move = files._move

    def fail(source: Path, target: Path, undo: list[tuple[Path, Path]]) -> None:
        if target == checkout.tree("1.1.0"):
            raise OSError(28, os.strerror(28), str(target))
        move(source, target, undo)

    monkeypatch.setattr(files, "_move", fail)
    assert checkout.run("refresh-patches").code == 1
    assert checkout.snapshot() == before


def test_edits_in_an_older_tree_are_not_lost(checkout: Checkout) -> None:
    checkout.git("1.1.0", "reset", "-q", "--hard", "HEAD~1")
    checkout.edit("1.0.0", "guardrails/call.py", "1", "2")
    before = checkout.snapshot()
    result = checkout.run("refresh-patches")
    assert "guardrails/1.0.0: has edited files: guardrails/call.py" in result.err
    assert checkout.snapshot() == before


def merge(tree: Path) -> None:
    git(tree, "switch", "-qc", "side", "HEAD~1")
    git(tree, "commit", "-q", "--allow-empty", "-m", "side")
    git(tree, "switch", "-q", "context")
    git(tree, "merge", "-q", "--no-edit", "side")


def start_elsewhere(tree: Path) -> None:
    git(tree, "checkout", "-q", "--orphan", "fresh")
    git(tree, "commit", "-q", "-m", "fresh")
    git(tree, "branch", "-qM", "fresh", "context")


REFUSED = {
    "edited": (lambda t: (t / "x").touch(), "has edited files: x: commit or finish it first"),
    "edited, with a telling name": (lambda t: (t / "commits").touch(), "edited files: commits"),
    "merged": (merge, "has a merge commit"),
    "rebasing": (lambda t: (t / ".git" / "rebase-merge").mkdir(), "in the middle of a git rebase"),
    "detached": (lambda t: git(t, "switch", "-q", "--detach"), "not on its branch context"),
    "rootless": (start_elsewhere, "do not start at the tag upstream"),
    "empty": (lambda t: git(t, "commit", "-q", "--allow-empty", "-m", "e"), "commit 'e' is empty"),
    "foreign": (lambda t: shutil.rmtree(t / ".git"), "no tree of ours"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_tree_that_cannot_be_exported_is_refused(checkout: Checkout, case: str) -> None:
    spoil, complaint = REFUSED[case]
    spoil(checkout.tree("2.0.0"))
    before = checkout.snapshot()
    result = checkout.run("refresh-patches", "--release", "2.0.0")
    assert result.code == 1
    assert len(result.errors) == 1
    assert complaint in result.err
    assert checkout.snapshot() == before


def test_a_series_that_changed_meanwhile_is_not_overwritten(checkout: Checkout) -> None:
    checkout.edit("2.0.0", "guardrails/call.py", "1", "2")
    checkout.commit("2.0.0", "Return two")
    patch = checkout.patches("2.0.0")[0]
    patch.write_text(patch.read_text().replace("have no parent", "have no parent at all"))
    before = checkout.snapshot()
    result = checkout.run("refresh-patches", "--release", "2.0.0")
    assert result.code == 1
    assert "was built from another lock or series" in result.err
    assert checkout.snapshot() == before


def test_an_older_release_sends_you_to_the_newest(checkout: Checkout) -> None:
    result = checkout.run("refresh-patches", "--release", "1.0.0")
    assert result.code == 1
    assert "make the change in guardrails/1.1.0" in result.err


def test_without_trees_there_is_nothing_to_export(checkout: Checkout) -> None:
    for version in checkout.lock:
        shutil.rmtree(checkout.tree(version))
    assert "`make apply-patches` makes them" in checkout.run("refresh-patches").err


@pytest.mark.parametrize(
    "subject",
    [
        "[tag] Keep a tag in brackets",
        "[tag][other] Keep two",
        "Grüße an Ödön — 日本語",
        "Fix: a colon, `ticks` and $dollars",
        "x " * 50 + "x",
    ],
)
def test_any_subject_survives_the_round_trip(checkout: Checkout, subject: str) -> None:
    (checkout.tree("2.0.0") / "no newline at the end.txt").write_text("é")
    checkout.commit("2.0.0", subject, f"Größe.\n\n{REASON}\n{TRAILERS}")
    assert checkout.run("refresh-patches", "--release", "2.0.0").code == 0
    assert checkout.git("2.0.0", "log", "-1", "--format=%s").strip() == subject
    # Long subjects are folded, but none is encoded: a patch is for reading.
    assert f"Subject: [PATCH] {subject}"[:70] in checkout.patches("2.0.0")[2].read_text()
    assert (checkout.tree("2.0.0") / "no newline at the end.txt").read_text() == "é"
    assert "unchanged (3 patches)" in checkout.run("refresh-patches").out


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Return two", "Before.\n---\nAfter."),
        ("Return two", "Before.\ndiff -u\nAfter."),
        ("[PATCH] Return two", "Because."),
    ],
)
def test_a_message_that_git_am_would_cut_is_refused(
    checkout: Checkout, subject: str, body: str
) -> None:
    checkout.edit("2.0.0", "guardrails/call.py", "1", "2")
    checkout.commit("2.0.0", subject, f"{body}\n\n{TRAILERS}")
    before = checkout.snapshot()
    result = checkout.run("refresh-patches", "--release", "2.0.0")
    assert result.code == 1
    assert "Return-two.patch: git am reads its message otherwise" in result.err
    assert checkout.snapshot() == before
