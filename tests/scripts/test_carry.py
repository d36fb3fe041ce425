"""`refresh-patches --carry`: a change in one line reaches the others, or nothing changes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from checkout import BODY, REASON, TRAILERS, Checkout, Result, git

from scripts import build, files

STEP = "Keep the context in step 10"
BY_HAND = (
    'has no patch "Add a context": if another one stands for it, edit that by hand in '
    "guardrails/1.1.0"
)


@pytest.fixture(autouse=True)
def editor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SEQUENCE_EDITOR", "true")


def carry(checkout: Checkout, *lines: str) -> Result:
    return checkout.run("refresh-patches", "--release", "2.0.0", "--carry", *lines)


def fixup(checkout: Checkout, version: str, subject: str) -> None:
    """Put what was edited into the commit with that subject."""
    commit = checkout.git(version, "log", "--format=%H", "--grep", f"^{subject}$").split()[0]
    checkout.git(version, "add", "-A")
    checkout.git(version, "commit", "-q", "--fixup", commit)
    checkout.git(version, "rebase", "-q", "-i", "--autosquash", "upstream")


def reorder(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, command: str, version: str = "2.0.0"
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("GIT_SEQUENCE_EDITOR", command)
        checkout.git(version, "rebase", "-q", "-i", "upstream")


def refresh(checkout: Checkout, version: str) -> None:
    assert checkout.run("refresh-patches", "--release", version).code == 0


def text(checkout: Checkout, version: str, path: str = "guardrails/run.py") -> str:
    return (checkout.tree(version) / path).read_text()


def subjects(checkout: Checkout, line: str) -> list[str]:
    return [path.name[5:-6] for path in checkout.patches(line)]


def third_line(checkout: Checkout, ninth: str) -> None:
    """Line 3.0.0 has the same patches, but another row right above what the first one changes."""
    checkout.publish("3.0.0", {"guardrails/run.py": "\n".join(BODY).replace(BODY[8], ninth) + "\n"})
    checkout.start_line("3.0.0")
    assert checkout.run("lock", "--release", "3.0.0").code == 0
    assert checkout.run("apply-patches", "--release", "3.0.0", "--allow-empty").code == 0
    checkout.edit("3.0.0", "guardrails/run.py", "step_10 = 10", "step_10 = context(10)")
    checkout.commit("3.0.0", STEP)
    (checkout.tree("3.0.0") / "guardrails" / "context.py").write_text("def context(x): ...\n")
    checkout.commit("3.0.0", "Add a context")
    refresh(checkout, "3.0.0")


def sound(checkout: Checkout) -> bool:
    applied = checkout.run("apply-patches")
    checked = checkout.run("check-patches")
    return applied.out.count("up to date") == len(checkout.lock) and checked.err == ""


def test_an_edited_patch_reaches_the_other_line(checkout: Checkout) -> None:
    checkout.edit("2.0.0", "guardrails/run.py", "context(10)", "context(11)")
    fixup(checkout, "2.0.0", STEP)
    result = carry(checkout)
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "2.0.0: 2 patches, trees rebuilt: 2.0.0\n"
        "1.0.0: 1 patch carried, 1 kept, trees rebuilt: 1.0.0, 1.1.0\n"
    )
    for version in checkout.lock:
        assert "step_10 = context(11)" in text(checkout, version)
    assert sound(checkout)


def test_a_kept_patch_is_byte_for_byte_the_lines_own(checkout: Checkout) -> None:
    checkout.git("1.1.0", "commit", "-q", "--amend", "--no-edit", "--date", "2020-02-02T02:02Z")
    refresh(checkout, "1.1.0")
    kept = checkout.patches("1.0.0")[1]
    before = kept.read_bytes()
    assert before != checkout.patches("2.0.0")[1].read_bytes()
    checkout.edit("2.0.0", "guardrails/run.py", "context(10)", "context(11)")
    fixup(checkout, "2.0.0", STEP)
    assert carry(checkout).code == 0
    assert kept.read_bytes() == before


def test_a_new_patch_goes_into_the_same_place(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.edit("2.0.0", "guardrails/call.py", "return 1", "return 2")
    checkout.commit("2.0.0", "Return two")
    reorder(checkout, monkeypatch, "sed -i '2{h;d};3{G}'")
    assert "1.0.0: 1 patch carried, 2 kept, trees" in carry(checkout).out
    expected = ["Keep-the-context-in-step-10", "Return-two", "Add-a-context"]
    assert subjects(checkout, "1.0.0") == subjects(checkout, "2.0.0") == expected
    assert "return 2" in text(checkout, "1.0.0", "guardrails/call.py")
    assert sound(checkout)


def test_a_dropped_patch_goes(checkout: Checkout) -> None:
    checkout.git("2.0.0", "reset", "-q", "--hard", "HEAD~1")
    assert "1.0.0: 0 patches carried, 1 kept, 1 dropped, trees" in carry(checkout).out
    assert subjects(checkout, "1.0.0") == ["Keep-the-context-in-step-10"]
    assert not (checkout.tree("1.1.0") / "guardrails" / "context.py").exists()
    assert sound(checkout)


def test_the_order_follows(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    reorder(checkout, monkeypatch, "sed -i '1{h;d};2{G}'")
    assert "1.0.0: 0 patches carried, 2 kept, reordered, trees" in carry(checkout).out
    assert subjects(checkout, "1.0.0") == ["Add-a-context", "Keep-the-context-in-step-10"]
    assert sound(checkout)


def test_what_is_exported_already_can_not_be_carried_and_is_no_success(checkout: Checkout) -> None:
    edit_second(checkout)
    refresh(checkout, "2.0.0")
    before = checkout.snapshot()
    result = carry(checkout)
    assert (result.code, result.out, len(result.errors)) == (1, "", 1)
    assert "error: 2.0.0: already exported: nothing is left to carry: CARRY belongs" in result.err
    assert checkout.snapshot() == before


def test_an_export_without_it_can_be_made_up_for_as_is_documented(checkout: Checkout) -> None:
    line, saved = checkout.layout.line("2.0.0"), checkout.root / "saved"
    git(checkout.root, "init", "-q")
    git(checkout.root, "add", "patches", "guardrails/upstream.toml")
    git(checkout.root, "commit", "-q", "-m", "as it was")
    edit_second(checkout)
    checkout.edit("2.0.0", "guardrails/call.py", "return 1", "return 2")
    checkout.commit("2.0.0", "Return two")
    refresh(checkout, "2.0.0")
    shutil.move(line, saved)
    git(checkout.root, "checkout", "-q", "HEAD", "patches/2.0.0", "guardrails/upstream.toml")
    assert checkout.run("apply-patches", "--release", "2.0.0").code == 0
    checkout.git("2.0.0", "reset", "-q", "--hard", "upstream")
    checkout.git("2.0.0", "am", "-q", *map(str, sorted(saved.glob("*.patch"))))
    assert "1.0.0: 2 patches carried, 1 kept, trees" in carry(checkout).out
    assert [path.read_bytes() for path in checkout.patches("2.0.0")] == [
        path.read_bytes() for path in sorted(saved.glob("*.patch"))
    ]
    assert "def context(y)" in text(checkout, "1.1.0", "guardrails/context.py")
    assert sound(checkout)


def differ(checkout: Checkout) -> None:
    """Line 1.0.0's second patch is really another one."""
    path = checkout.tree("1.1.0") / "guardrails" / "context.py"
    path.write_text("def context(x): return x\n")
    fixup(checkout, "1.1.0", "Add a context")
    refresh(checkout, "1.1.0")


def test_a_patch_that_differs_there_is_kept_if_it_was_not_edited(checkout: Checkout) -> None:
    differ(checkout)
    checkout.edit("2.0.0", "guardrails/run.py", "context(10)", "context(11)")
    fixup(checkout, "2.0.0", STEP)
    assert "1.0.0: 1 patch carried, 1 kept" in carry(checkout).out
    assert "return x" in text(checkout, "1.0.0", "guardrails/context.py")
    assert sound(checkout)


def edit_second(checkout: Checkout) -> None:
    (checkout.tree("2.0.0") / "guardrails" / "context.py").write_text("def context(y): ...\n")
    fixup(checkout, "2.0.0", "Add a context")


def drop_second(checkout: Checkout) -> None:
    checkout.git("2.0.0", "reset", "-q", "--hard", "HEAD~1")


@pytest.mark.parametrize("edit", [edit_second, drop_second])
def test_a_patch_that_differs_there_stops_everything(checkout: Checkout, edit) -> None:
    differ(checkout)
    edit(checkout)
    before = checkout.snapshot()
    result = carry(checkout)
    assert result.code == 1
    assert len(result.errors) == 1
    assert "patches/1.0.0/0002-Add-a-context.patch: is another one there" in result.err
    assert "by hand in guardrails/1.1.0" in result.err
    assert checkout.snapshot() == before


def test_a_line_can_be_left_out_by_naming_the_others(checkout: Checkout) -> None:
    third_line(checkout, BODY[8])
    differ(checkout)
    edit_second(checkout)
    patches = {path: path.read_bytes() for path in checkout.patches("1.0.0")}
    result = carry(checkout, "3.0.0")
    assert "3.0.0: 1 patch carried, 1 kept, trees rebuilt: 3.0.0\n" in result.out
    assert "1.0.0" not in result.out
    assert {path: path.read_bytes() for path in checkout.patches("1.0.0")} == patches
    assert sound(checkout)


def test_a_message_is_taken_and_the_lines_own_diff_kept(checkout: Checkout) -> None:
    differ(checkout)
    message = f"{REASON} It ends there.\n\n{TRAILERS}"
    checkout.git("2.0.0", "commit", "-q", "--amend", "-m", f"Add a context\n\n{message}")
    assert "1.0.0: 1 patch carried, 1 kept" in carry(checkout).out
    assert "It ends there." in checkout.patches("1.0.0")[1].read_text()
    assert "return x" in text(checkout, "1.0.0", "guardrails/context.py")
    assert sound(checkout)


def test_a_patch_with_a_new_subject_is_still_the_same(checkout: Checkout) -> None:
    message = f"Bring a context\n\n{REASON}\n{TRAILERS}"
    checkout.git("2.0.0", "commit", "-q", "--amend", "-m", message)
    assert "1.0.0: 1 patch carried, 1 kept, trees" in carry(checkout).out
    assert subjects(checkout, "1.0.0") == ["Keep-the-context-in-step-10", "Bring-a-context"]


def test_rows_that_only_moved_are_an_edit(checkout: Checkout) -> None:
    checkout.edit("2.0.0", "guardrails/run.py", "step_20 = 20\n", "step_20 = 20\nstop()\n")
    checkout.commit("2.0.0", "Stop")
    assert carry(checkout).code == 0
    checkout.edit("2.0.0", "guardrails/run.py", "stop()\n", "")
    checkout.edit("2.0.0", "guardrails/run.py", "step_25 = 25\n", "step_25 = 25\nstop()\n")
    fixup(checkout, "2.0.0", "Stop")
    assert "1.0.0: 1 patch carried, 2 kept" in carry(checkout).out
    assert "step_25 = 25\nstop()\n" in text(checkout, "1.1.0")


def test_rows_that_an_earlier_patch_moved_are_none(checkout: Checkout) -> None:
    checkout.edit("2.0.0", "guardrails/run.py", "step_13 = 13", "step_13 = context(13)")
    checkout.commit("2.0.0", "Keep the context in step 13")
    assert carry(checkout).code == 0
    checkout.edit("2.0.0", "guardrails/run.py", "step_9 = 9\n", "step_9 = 9\nstep()\n")
    checkout.edit("2.0.0", "guardrails/run.py", "context(10)", "context(11)")
    fixup(checkout, "2.0.0", STEP)
    assert "1.0.0: 1 patch carried, 2 kept" in carry(checkout).out
    assert sound(checkout)


def test_a_patch_that_a_line_does_not_have_is_not_brought_by_an_edit(checkout: Checkout) -> None:
    checkout.git("1.1.0", "reset", "-q", "--hard", "HEAD~1")
    refresh(checkout, "1.1.0")
    edit_second(checkout)
    result = carry(checkout)
    assert result.out.endswith(f"\n1.0.0: unchanged\n1.0.0: {BY_HAND}\n")
    assert subjects(checkout, "1.0.0") == ["Keep-the-context-in-step-10"]


@pytest.mark.parametrize("edit", [edit_second, drop_second])
def test_a_patch_that_a_line_has_by_another_name_is_said_not_to_be_carried(
    checkout: Checkout, edit
) -> None:
    message = f"Bring a context\n\n{REASON}\n{TRAILERS}"
    checkout.git("1.1.0", "commit", "-q", "--amend", "-m", message)
    refresh(checkout, "1.1.0")
    edit(checkout)
    patches = [path.read_bytes() for path in checkout.patches("1.0.0")]
    result = carry(checkout)
    assert (result.code, result.out.count("has no patch")) == (0, 1)
    assert f"1.0.0: {BY_HAND}\n" in result.out
    assert [path.read_bytes() for path in checkout.patches("1.0.0")] == patches


def test_a_patch_that_only_the_line_has_stays_in_its_place(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.edit("1.1.0", "guardrails/call.py", "return 1", "return 2")
    checkout.commit("1.1.0", "Return two")
    reorder(checkout, monkeypatch, "sed -i '2{h;d};3{G}'", "1.1.0")
    refresh(checkout, "1.1.0")
    edit_second(checkout)
    assert "1.0.0: 1 patch carried, 2 kept" in carry(checkout).out
    expected = ["Keep-the-context-in-step-10", "Return-two", "Add-a-context"]
    assert subjects(checkout, "1.0.0") == expected


def test_nothing_changes_if_an_older_release_of_another_line_does_not_build(
    checkout: Checkout,
) -> None:
    third_line(checkout, BODY[8])
    checkout.publish(
        "3.1.0", {"guardrails/run.py": "\n".join(BODY).replace("= 28", "= zwei") + "\n"}
    )
    assert checkout.run("lock", "--release", "3.1.0", "--line", "3.0.0").code == 0
    checkout.edit("2.0.0", "guardrails/run.py", "step_26 = 26", "step_26 = context(26)")
    checkout.commit("2.0.0", "Keep the context in step 26")
    # It merges into 3.1.0, but 3.0.0 has another row beside it, and is built strictly.
    before = checkout.snapshot()
    result = carry(checkout, "3.0.0")
    assert "does not apply to 3.0.0: guardrails/run.py: hunk 1" in result.err
    unfinished = {path: text for path, text in checkout.snapshot().items() if ".building" in path}
    assert checkout.snapshot() == {**before, **unfinished}


def test_context_of_its_own_merges(checkout: Checkout) -> None:
    third_line(checkout, "step_9 = nine")
    checkout.edit("2.0.0", "guardrails/run.py", "step_7 = 7", "step_7 = context(7)")
    checkout.commit("2.0.0", "Keep the context in step 7")
    assert "3.0.0: 1 patch carried, 2 kept, trees" in carry(checkout).out
    assert "step_7 = context(7)\nstep_8 = 8\nstep_9 = nine\n" in text(checkout, "3.0.0")
    assert sound(checkout)


def test_an_edit_reaches_a_patch_whose_other_rows_would_conflict(checkout: Checkout) -> None:
    third_line(checkout, "step_9 = nine")
    checkout.edit("2.0.0", "guardrails/run.py", "step_20 = 20", "step_20 = context(20)")
    checkout.edit("2.0.0", "guardrails/call.py", "return 1", "return 2")
    fixup(checkout, "2.0.0", STEP)
    result = carry(checkout)
    assert "3.0.0: 1 patch carried, 1 kept, trees rebuilt: 3.0.0\n" in result.out
    assert "step_9 = nine\nstep_10 = context(10)\n" in text(checkout, "3.0.0")
    assert "step_20 = context(20)\n" in text(checkout, "3.0.0")
    assert "return 2" in text(checkout, "3.0.0", "guardrails/call.py")
    assert sound(checkout)


def test_files_that_an_edit_adds_and_takes_away_come_along(checkout: Checkout) -> None:
    third_line(checkout, "step_9 = nine")
    (checkout.tree("2.0.0") / "guardrails" / "more.py").write_text("more = 1\n")
    (checkout.tree("2.0.0") / "guardrails" / "call.py").unlink()
    fixup(checkout, "2.0.0", STEP)
    assert carry(checkout).code == 0
    assert text(checkout, "3.0.0", "guardrails/more.py") == "more = 1\n"
    assert not (checkout.tree("3.0.0") / "guardrails" / "call.py").exists()
    (checkout.tree("2.0.0") / "guardrails" / "more.py").unlink()
    (checkout.tree("2.0.0") / "guardrails" / "call.py").write_text("def call():\n    return 1\n")
    fixup(checkout, "2.0.0", STEP)
    assert carry(checkout).code == 0
    assert not (checkout.tree("3.0.0") / "guardrails" / "more.py").exists()
    assert text(checkout, "3.0.0", "guardrails/call.py") == "def call():\n    return 1\n"
    assert sound(checkout)


def test_a_conflict_stops_everything_and_is_named(checkout: Checkout) -> None:
    third_line(checkout, "step_9 = nine")
    checkout.edit("2.0.0", "guardrails/run.py", "step_9 = 9", "step_9 = context(9)")
    fixup(checkout, "2.0.0", STEP)
    before = checkout.snapshot()
    result = carry(checkout)
    assert result.code == 1
    assert len(result.errors) == 1
    assert (
        "error: patches/3.0.0/0001-Keep-the-context-in-step-10.patch: "
        "conflicts in 3.0.0: guardrails/run.py; the half-built tree is in "
    ) in result.err
    after = {path: text for path, text in checkout.snapshot().items() if ".building" not in path}
    assert after == before
    assert "<<<<<<<" in text(checkout, ".building-3.0.0")


def test_what_a_release_has_already_is_left_out_and_told(checkout: Checkout) -> None:
    third_line(checkout, "step_9 = nine")
    checkout.edit("2.0.0", "guardrails/run.py", "step_9 = 9", "step_9 = nine")
    checkout.commit("2.0.0", "Spell nine")
    result = carry(checkout)
    assert (
        "3.0.0: unchanged, 0 patches carried, 2 kept, "
        "left out 0003-Spell-nine.patch, whose change 3.0.0 has already\n"
    ) in result.out
    assert subjects(checkout, "1.0.0")[-1] == "Spell-nine"
    assert sound(checkout)


def test_a_merge_that_takes_less_is_told(checkout: Checkout) -> None:
    third_line(checkout, "step_9 = nine")
    checkout.edit("2.0.0", "guardrails/run.py", "step_9 = 9", "step_9 = nine")
    checkout.edit("2.0.0", "guardrails/run.py", "step_20 = 20", "step_20 = context(20)")
    checkout.commit("2.0.0", "Spell nine")
    result = carry(checkout)
    assert "merged into another diff, so look at 0003-Spell-nine.patch" in result.out
    assert result.out.count("look at") == 1


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_edits_in_trees_of_the_other_line_are_not_lost(checkout: Checkout, version: str) -> None:
    checkout.edit(version, "guardrails/call.py", "1", "2")
    edit_second(checkout)
    before = checkout.snapshot()
    result = carry(checkout)
    assert f"guardrails/{version}: has edited files: guardrails/call.py" in result.err
    assert checkout.snapshot() == before


@pytest.mark.parametrize("place", ["tree", "line"])
def test_nothing_changes_in_any_line_if_the_last_step_fails(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    edit_second(checkout)
    before = checkout.snapshot()
    move = files._move
    spot = checkout.tree("1.0.0") if place == "tree" else checkout.layout.line("1.0.0")

    def fail(source: Path, target: Path, undo: list[tuple[Path, Path]]) -> None:
        if target == spot:
            raise OSError(28, os.strerror(28), str(target))
        move(source, target, undo)

    monkeypatch.setattr(files, "_move", fail)
    assert carry(checkout).code == 1
    assert checkout.snapshot() == before


@pytest.mark.parametrize("step", ["merge.merge", "build.exported"])
def test_ctrl_c_leaves_no_half_built_tree(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupt(folder: object, *_: object) -> list[Path]:
        if "2.0.0" in str(folder):
            return exported(folder, *_)
        raise KeyboardInterrupt

    edit_second(checkout)
    before = checkout.snapshot()
    exported = build.exported
    monkeypatch.setattr(f"scripts.{step}", interrupt)
    result = carry(checkout)
    assert (result.code, result.errors) == (
        130,
        ["error: interrupted: nothing is left half done"],
    )
    assert checkout.snapshot() == before
    assert not checkout.layout.building("1.1.0").exists()


def test_two_patches_with_one_subject_are_refused(checkout: Checkout) -> None:
    checkout.edit("2.0.0", "guardrails/call.py", "return 1", "return 2")
    checkout.commit("2.0.0", STEP)
    before = checkout.snapshot()
    assert "have one subject: change one" in carry(checkout).err
    assert checkout.snapshot() == before
    assert checkout.run("refresh-patches", "--release", "2.0.0").code == 0


def test_the_edited_release_must_be_named(checkout: Checkout) -> None:
    result = checkout.run("refresh-patches", "--carry")
    assert result.errors == [
        "error: name the edited release: make refresh-patches RELEASE=0.11.0 CARRY=1"
    ]


def test_an_unknown_line_is_answered_with_the_known_ones(checkout: Checkout) -> None:
    expected = ["error: no other line 9.0.0: there is 1.0.0"]
    assert carry(checkout, "9.0.0").errors == expected
    edit_second(checkout)
    assert carry(checkout, "9.0.0").errors == expected


def test_without_it_the_possibility_is_told(checkout: Checkout) -> None:
    edit_second(checkout)
    patches = [path.read_bytes() for path in checkout.patches("1.0.0")]
    result = checkout.run("refresh-patches", "--release", "2.0.0")
    assert result.out.splitlines()[1:] == [
        "CARRY=1 would have brought the change to 1.0.0 too: "
        "CONTRIBUTING.md, `Change a patch`, tells how to make up for it"
    ]
    assert [path.read_bytes() for path in checkout.patches("1.0.0")] == patches


def test_without_it_nothing_is_told_that_would_not_work(checkout: Checkout) -> None:
    differ(checkout)
    edit_second(checkout)
    result = checkout.run("refresh-patches", "--release", "2.0.0")
    assert result.out == "2.0.0: 2 patches, trees rebuilt: 2.0.0\n"
