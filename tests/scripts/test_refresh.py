"""`refresh-patches`: a tree's commits become the series, for it and older ones, or nothing does."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from checkout import REASON, STEP, TRAILERS, VARIANT, Checkout, git

from scripts import files

BOTH = ["0001-Keep-the-context-in-step-10.patch", "0002-Add-a-context.patch"]


def sound(checkout: Checkout) -> bool:
    applied = checkout.run("apply-patches")
    checked = checkout.run("check-patches")
    return applied.out.count("up to date") == len(checkout.lock) and checked.err == ""


def return_two(checkout: Checkout, version: str = "2.0.0") -> None:
    checkout.edit(version, "guardrails/call.py", "return 1", "return 2")
    checkout.commit(version, "Return two")


@pytest.mark.parametrize("version", ["2.0.0", "1.1.0", "1.0.0"])
def test_an_untouched_tree_exports_what_it_was_built_from(checkout: Checkout, version: str) -> None:
    checkout.vary()
    before = checkout.snapshot()
    result = checkout.run("refresh-patches", "--release", version)
    assert (result.code, result.out) == (0, f"{version}: unchanged (2 patches)\n")
    assert checkout.snapshot() == before


def test_a_new_commit_becomes_a_patch_of_all_releases(checkout: Checkout) -> None:
    return_two(checkout)
    result = checkout.run("refresh-patches", "--release", "2.0.0")
    assert result.out == "2.0.0: 3 patches\nrebuilt: 1.0.0, 1.1.0, 2.0.0\n"
    assert checkout.files() == [*BOTH, "0003-Return-two.patch"]
    for version, release in checkout.lock.items():
        assert checkout.git(version, "rev-parse", "HEAD^{tree}").strip() == release.tree
        assert "return 2" in checkout.text(version, "guardrails/call.py")
    assert sound(checkout)


def test_an_edit_without_variants_changes_one_file(checkout: Checkout) -> None:
    before = checkout.snapshot()
    checkout.edit("2.0.0", "guardrails/run.py", "context(10)", "context(11)")
    checkout.fixup("2.0.0", STEP)
    assert checkout.run("refresh-patches", "--release", "2.0.0").code == 0
    after = checkout.snapshot()
    changed = [path for path in after if after[path] != before.get(path) and "head" not in path]
    assert [path for path in changed if path.startswith("patches/")] == [f"patches/{BOTH[0]}"]
    for version in checkout.lock:
        assert "step_10 = context(11)" in checkout.text(version)
    assert sound(checkout)


def test_without_a_name_the_tree_that_was_edited_is_exported(checkout: Checkout) -> None:
    assert checkout.run("refresh-patches").out == "2.0.0: unchanged (2 patches)\n"
    return_two(checkout, "1.1.0")
    assert checkout.run("refresh-patches").out.startswith("1.1.0: 3 patches\n")


def test_the_revision_counts_the_trees_that_a_release_has_had(checkout: Checkout) -> None:
    before = {version: release.revision for version, release in checkout.lock.items()}
    checkout.git("2.0.0", "commit", "-q", "--amend", "-m", f"Add it\n\n{REASON}\n{TRAILERS}")
    assert checkout.run("refresh-patches").code == 0
    assert {version: release.revision for version, release in checkout.lock.items()} == before
    return_two(checkout, "1.1.0")
    assert checkout.run("refresh-patches").code == 0
    after = {version: release.revision for version, release in checkout.lock.items()}
    assert after == {version: before[version] + (version != "2.0.0") for version in before}


def test_a_dropped_commit_takes_its_patch_along(checkout: Checkout) -> None:
    checkout.git("2.0.0", "reset", "-q", "--hard", "HEAD~1")
    result = checkout.run("refresh-patches", "--release", "2.0.0")
    assert result.out == "2.0.0: 1 patch\nrebuilt: 1.0.0, 1.1.0, 2.0.0\n"
    assert checkout.files() == BOTH[:1]
    assert sound(checkout)


def test_a_patch_that_all_drop_loses_its_variants_and_those_after_it_are_renumbered(
    checkout: Checkout,
) -> None:
    checkout.vary()
    checkout.reorder("2.0.0", "sed -i 1d")
    assert checkout.run("refresh-patches", "--release", "2.0.0").code == 0
    assert checkout.files() == ["0001-Add-a-context.patch"]
    assert not (checkout.layout.patches / "before").exists()
    assert sound(checkout)


def test_the_order_is_that_of_the_newest_release(checkout: Checkout) -> None:
    checkout.vary()
    checkout.reorder("2.0.0", "sed -i '1{h;d};2{G}'")
    assert checkout.run("refresh-patches", "--release", "2.0.0").code == 0
    names = ["0001-Add-a-context.patch", "0002-Keep-the-context-in-step-10.patch"]
    assert checkout.files() == [*names, f"before/2.0.0/{names[1]}"]
    assert sound(checkout)


def test_the_order_cannot_be_another_in_an_older_release(checkout: Checkout) -> None:
    checkout.reorder("1.1.0", "sed -i '1{h;d};2{G}'")
    before = checkout.snapshot()
    result = checkout.run("refresh-patches", "--release", "1.1.0")
    assert "guardrails/1.1.0: the order of the patches is that of 2.0.0" in result.err
    assert checkout.snapshot() == before


def test_comments_and_other_files_of_the_series_stay(checkout: Checkout) -> None:
    rows = checkout.series.read_text()
    checkout.series.write_text(f"# The order matters.\n\n{rows}")
    (checkout.layout.patches / "NOTES.md").write_text("notes\n")
    checkout.git("2.0.0", "reset", "-q", "--hard", "HEAD~1")
    assert checkout.run("refresh-patches").code == 0
    assert checkout.series.read_text() == f"# The order matters.\n\n{BOTH[0]}\n"
    assert (checkout.layout.patches / "NOTES.md").read_text() == "notes\n"


def test_a_fixup_goes_into_its_patch_by_the_command_that_is_named(checkout: Checkout) -> None:
    checkout.edit("2.0.0", "guardrails/run.py", "context(10)", "context(11)")
    checkout.git("2.0.0", "commit", "-qa", "--fixup", "HEAD~1")
    before = checkout.snapshot()
    result = checkout.run("refresh-patches")
    assert result.code == 1
    assert "run `git -C guardrails/2.0.0 rebase -i --autosquash upstream`" in result.err
    assert checkout.snapshot() == before
    checkout.reorder("2.0.0", ":")
    assert checkout.run("refresh-patches").code == 0
    assert "+step_10 = context(11)\n" in checkout.patches("2.0.0")[0].read_text()


def test_an_edit_in_an_older_release_is_for_it_and_those_before_it(checkout: Checkout) -> None:
    newest = checkout.lock["2.0.0"]
    assert checkout.vary().exists()
    assert checkout.files() == [*BOTH, VARIANT]
    assert checkout.lock["2.0.0"] == newest
    for version in ("1.0.0", "1.1.0"):
        assert "context(older=10)" in checkout.text(version)
    assert sound(checkout)


def test_a_variant_goes_once_it_is_as_the_newer_patch(checkout: Checkout) -> None:
    checkout.vary()
    checkout.edit("1.1.0", "guardrails/run.py", "context(older=10)", "context(10)")
    checkout.fixup("1.1.0", STEP)
    assert checkout.run("refresh-patches", "--release", "1.1.0").code == 0
    assert checkout.files() == BOTH
    assert not (checkout.layout.patches / "before").exists()
    assert sound(checkout)


def test_a_patch_that_an_older_release_drops_starts_at_the_next_newer_one(
    checkout: Checkout,
) -> None:
    checkout.git("1.1.0", "reset", "-q", "--hard", "HEAD~1")
    assert checkout.run("refresh-patches", "--release", "1.1.0").code == 0
    assert checkout.series.read_text() == f"{BOTH[0]}\n{BOTH[1]} from 2.0.0\n"
    assert not (checkout.tree("1.0.0") / "guardrails/context.py").exists()
    assert sound(checkout)


def test_numbers_are_the_same_in_a_release_that_lacks_a_patch(checkout: Checkout) -> None:
    checkout.git("1.1.0", "reset", "-q", "--hard", "HEAD~1")
    assert checkout.run("refresh-patches", "--release", "1.1.0").code == 0
    return_two(checkout)
    assert checkout.run("refresh-patches", "--release", "2.0.0").code == 0
    assert [path.name[:4] for path in checkout.patches("1.0.0")] == ["0001", "0003"]
    assert checkout.run("refresh-patches", "--release", "1.0.0").out.startswith("1.0.0: unchanged")
    assert sound(checkout)


def test_a_patch_that_only_an_older_release_has_ends_before_the_newer_one(
    checkout: Checkout,
) -> None:
    return_two(checkout, "1.1.0")
    assert checkout.run("refresh-patches", "--release", "1.1.0").code == 0
    assert checkout.files() == [*BOTH, "before/2.0.0/0003-Return-two.patch"]
    assert checkout.series.read_text().endswith("0003-Return-two.patch before 2.0.0\n")
    checkout.git("2.0.0", "reset", "-q", "--hard", "HEAD~1")
    assert checkout.run("refresh-patches", "--release", "2.0.0").code == 0
    assert checkout.files() == [BOTH[0], "before/2.0.0/0002-Return-two.patch"]
    assert sound(checkout)


def test_nothing_changes_if_the_last_step_fails(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.git("2.0.0", "reset", "-q", "--hard", "HEAD~1")
    before = checkout.snapshot()
    move = files._move

    def fail(source: Path, target: Path, undo: list[tuple[Path, Path]]) -> None:
        if target == checkout.tree("1.1.0"):
            raise OSError(28, os.strerror(28), str(target))
        move(source, target, undo)

    monkeypatch.setattr(files, "_move", fail)
    assert checkout.run("refresh-patches").code == 1
    assert checkout.snapshot() == before


@pytest.mark.parametrize("step", ["port.port", "build.exported", "replace._build"])
def test_ctrl_c_leaves_everything_as_it_was(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    checkout.vary()
    return_two(checkout)
    before = checkout.snapshot()
    monkeypatch.setattr(f"scripts.{step}", interrupt)
    result = checkout.run("refresh-patches")
    assert (result.code, result.errors) == (
        130,
        ["error: interrupted: nothing is left half done"],
    )
    assert checkout.snapshot() == before


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_edits_in_an_older_tree_are_not_lost(checkout: Checkout, version: str) -> None:
    checkout.vary()
    checkout.git("2.0.0", "reset", "-q", "--hard", "HEAD~1")
    checkout.edit(version, "guardrails/call.py", "1", "2")
    before = checkout.snapshot()
    result = checkout.run("refresh-patches", "--release", "2.0.0")
    assert f"guardrails/{version}: has edited files: guardrails/call.py" in result.err
    assert checkout.snapshot() == before


def test_two_patches_with_one_subject_are_refused(checkout: Checkout) -> None:
    checkout.edit("2.0.0", "guardrails/call.py", "return 1", "return 2")
    checkout.commit("2.0.0", STEP)
    before = checkout.snapshot()
    assert "another patch has the same subject: change one" in checkout.run("refresh-patches").err
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
    "another root": (lambda t: git(t, "tag", "-f", "upstream", "HEAD~1"), "tag upstream was moved"),
    "empty": (lambda t: git(t, "commit", "-q", "--allow-empty", "-m", "e"), "commit 'e' is empty"),
    "bare": (lambda t: git(t, "reset", "-q", "--hard", "upstream"), "has no commits to export"),
    "foreign": (lambda t: shutil.rmtree(t / ".git"), "no tree of ours"),
    "away": (shutil.rmtree, "is not there: `make apply-patches RELEASE=2.0.0` makes it"),
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
    return_two(checkout)
    patch = checkout.patches("2.0.0")[0]
    patch.write_text(patch.read_text().replace("have no parent", "have no parent at all"))
    before = checkout.snapshot()
    result = checkout.run("refresh-patches", "--release", "2.0.0")
    assert result.code == 1
    assert "was built from another lock or series" in result.err
    assert checkout.snapshot() == before


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
    assert checkout.text("2.0.0", "no newline at the end.txt") == "é"
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
