"""`refresh-patches` where older releases have other diffs: merged, or stopped where one goes on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from checkout import ADD, BODY, REASON, STEP, TRAILERS, VARIANT, Checkout, Result
from test_refresh import BOTH, sound

CONTEXT = "guardrails/context.py"
# What 1.1.0 and 1.0.0 have otherwise, right above what the first patch changes.
NINTH = {"guardrails/run.py": "\n".join(BODY).replace(BODY[8], "step_9 = nine") + "\n"}


def refresh(checkout: Checkout, version: str = "2.0.0") -> Result:
    return checkout.run("refresh-patches", "--release", version)


def edit(checkout: Checkout, old: str, new: str, version: str = "2.0.0") -> None:
    """Edit the first patch."""
    checkout.edit(version, "guardrails/run.py", old, new)
    checkout.fixup(version, STEP)


def unfinished(checkout: Checkout) -> dict[str, bytes | str]:
    """The checkout without the tree in which somebody has to go on."""
    return {p: text for p, text in checkout.snapshot().items() if "1.1.0" not in p}


@pytest.fixture
def varied(checkout: Checkout) -> Checkout:
    checkout.vary()
    return checkout


@pytest.fixture
def stopped(varied: Checkout) -> Checkout:
    """A checkout whose 1.1.0 stands in a conflict: an edit of the row that it has otherwise."""
    edit(varied, "context(10)", "context(11)")
    result = refresh(varied)
    assert (result.code, len(result.errors)) == (1, 1)
    return varied


def mend(
    checkout: Checkout,
    rows: str = "step_10 = context(older=11)\n",
    version: str = "1.1.0",
    command: str = "am",
) -> None:
    """Do what the report says, or git itself in a rebase."""
    run = checkout.tree(version) / "guardrails/run.py"
    head, _, rest = run.read_text().partition("<<<<<<< ")
    run.write_text(head + rows + rest.partition(">>>>>>> ")[2].partition("\n")[2])
    checkout.git(version, "add", "-A")
    checkout.git(version, "-c", "core.editor=:", command, "--continue")


def test_an_edit_beside_what_differs_is_merged_and_said_to_be_looked_at(varied: Checkout) -> None:
    edit(varied, "step_20 = 20", "step_20 = context(20)")
    result = refresh(varied)
    assert result.out == (
        "2.0.0: 2 patches\n"
        f"patches/{VARIANT}: merged, so look at it\n"
        "rebuilt: 1.0.0, 1.1.0, 2.0.0\n"
    )
    for version in ("1.0.0", "1.1.0"):
        assert "step_10 = context(older=10)" in varied.text(version)
        assert "step_20 = context(20)" in varied.text(version)
    assert varied.files() == [*BOTH, VARIANT]
    assert sound(varied)


def test_an_edit_of_another_patch_leaves_the_variant_byte_for_byte(varied: Checkout) -> None:
    before = (varied.layout.patches / VARIANT).read_bytes()
    (varied.tree("2.0.0") / CONTEXT).write_text("def context(y): ...\n")
    varied.fixup("2.0.0", ADD)
    assert refresh(varied).out == "2.0.0: 2 patches\nrebuilt: 1.0.0, 1.1.0, 2.0.0\n"
    assert (varied.layout.patches / VARIANT).read_bytes() == before
    assert varied.text("1.0.0", CONTEXT) == "def context(y): ...\n"
    assert sound(varied)


def test_several_edits_a_new_patch_a_dropped_one_and_another_order_come_along(
    varied: Checkout,
) -> None:
    varied.edit("2.0.0", "guardrails/call.py", "return 1", "return 2")
    varied.commit("2.0.0", "Return two")
    varied.edit("2.0.0", "guardrails/run.py", "step_25 = 25", "step_25 = context(25)")
    varied.commit("2.0.0", "Keep the context in step 25")
    edit(varied, "step_20 = 20", "step_20 = context(20)")
    assert refresh(varied).code == 0
    # The second goes, the third comes first, and the first is edited once more.
    varied.reorder("2.0.0", "sed -i -e 2d -e '1{h;d}' -e '3{G}'")
    edit(varied, "step_15 = 15", "step_15 = context(15)")
    assert refresh(varied).code == 0
    assert varied.files() == [
        "0001-Return-two.patch",
        "0002-Keep-the-context-in-step-10.patch",
        "0003-Keep-the-context-in-step-25.patch",
        "before/2.0.0/0002-Keep-the-context-in-step-10.patch",
    ]
    assert "step_10 = context(older=10)" in varied.text("1.0.0")
    for step in (15, 20, 25):
        assert f"step_{step} = context({step})" in varied.text("1.0.0")
    assert sound(varied)


def test_a_text_is_taken_where_it_was_the_same_and_the_subject_everywhere(
    varied: Checkout,
) -> None:
    message = f"Keep it in step 10\n\n{REASON} It ends there.\n\n{TRAILERS}"
    varied.git("2.0.0", "reset", "-q", "--hard", "HEAD~1")
    varied.git("2.0.0", "commit", "-q", "--amend", "-m", message)
    assert refresh(varied).code == 0
    name = "0001-Keep-it-in-step-10.patch"
    assert varied.files() == [name, f"before/2.0.0/{name}"]
    assert "It ends there." in varied.patches("1.1.0")[0].read_text()
    assert "context(older=10)" in varied.text("1.0.0")
    assert sound(varied)


def test_a_text_of_its_own_stays(varied: Checkout) -> None:
    own = f"{STEP}\n\n{REASON} Older, it is otherwise.\n\n{TRAILERS}"
    varied.git("1.1.0", "reset", "-q", "--hard", "HEAD~1")
    varied.git("1.1.0", "commit", "-q", "--amend", "-m", own)
    assert refresh(varied, "1.1.0").code == 0
    varied.git("2.0.0", "reset", "-q", "--hard", "HEAD~1")
    varied.git("2.0.0", "commit", "-q", "--amend", "-m", f"Keep it\n\n{REASON} New.\n\n{TRAILERS}")
    assert refresh(varied).code == 0
    text = varied.patches("1.1.0")[0].read_text()
    assert "Subject: [PATCH] Keep it\n" in text
    assert "Older, it is otherwise." in text
    assert sound(varied)


def test_rows_that_only_moved_are_an_edit(varied: Checkout) -> None:
    edit(varied, "step_20 = 20\n", "step_20 = 20\nstop()\n")
    assert refresh(varied).code == 0
    varied.edit("2.0.0", "guardrails/run.py", "stop()\n", "")
    edit(varied, "step_25 = 25\n", "step_25 = 25\nstop()\n")
    assert refresh(varied).code == 0
    assert "step_20 = 20\nstep_21" in varied.text("1.0.0")
    assert "step_25 = 25\nstop()\n" in varied.text("1.0.0")


def test_files_that_an_edit_adds_and_takes_away_come_along(varied: Checkout) -> None:
    more, call = ("guardrails/more.py", "guardrails/call.py")
    (varied.tree("2.0.0") / more).write_text("more = 1\n")
    (varied.tree("2.0.0") / call).unlink()
    varied.fixup("2.0.0", STEP)
    assert refresh(varied).code == 0
    assert varied.text("1.1.0", more) == "more = 1\n"
    assert not (varied.tree("1.1.0") / call).exists()
    (varied.tree("2.0.0") / more).unlink()
    (varied.tree("2.0.0") / call).write_text("def call():\n    return 1\n")
    varied.fixup("2.0.0", STEP)
    assert refresh(varied).code == 0
    assert not (varied.tree("1.1.0") / more).exists()
    assert varied.text("1.1.0", call) == "def call():\n    return 1\n"
    assert sound(varied)


def ninth(checkout: Checkout) -> None:
    """1.5.0 has another row right above what the first patch changes, and so a diff of its own."""
    checkout.publish("1.5.0", NINTH)
    result = checkout.run("lock", "--release", "1.5.0")
    assert "conflicts: guardrails/run.py" in result.err
    run = checkout.tree("1.5.0") / "guardrails/run.py"
    run.write_text(NINTH["guardrails/run.py"].replace("step_10 = 10", "step_10 = context(10)"))
    checkout.git("1.5.0", "add", "-A")
    checkout.git("1.5.0", "am", "--continue")
    assert checkout.run("lock", "--release", "1.5.0").code == 0


def test_a_patch_that_fits_everywhere_but_in_one_release_gets_a_variant_there(
    checkout: Checkout,
) -> None:
    ninth(checkout)
    checkout.edit("2.0.0", "guardrails/run.py", "step_7 = 7", "step_7 = context(7)")
    checkout.commit("2.0.0", "Keep the context in step 7")
    result = refresh(checkout)
    name = "0003-Keep-the-context-in-step-7.patch"
    assert f"patches/before/2.0.0/{name}: merged, so look at it\n" in result.out
    assert f"before/1.5.0/{name}" in checkout.files()
    assert "step_7 = context(7)\nstep_8 = 8\nstep_9 = nine\n" in checkout.text("1.5.0")
    assert "step_7 = context(7)\nstep_8 = 8\nstep_9 = 9\n" in checkout.text("1.0.0")
    assert sound(checkout)


def test_what_a_release_has_already_it_goes_without(checkout: Checkout) -> None:
    checkout.publish("1.0.0", NINTH)
    checkout.layout.lock.write_text(
        checkout.layout.lock.read_text().partition('[release."1.0.0"]')[0]
        + checkout.layout.lock.read_text()[
            checkout.layout.lock.read_text().index('[release."1.1') :
        ]
    )
    ninth_of_the_oldest(checkout)
    checkout.edit("2.0.0", "guardrails/run.py", "step_9 = 9", "step_9 = nine")
    checkout.commit("2.0.0", "Spell nine")
    result = refresh(checkout)
    assert "1.0.0: goes without Spell-nine.patch\n" in result.out
    assert checkout.series.read_text().endswith("0003-Spell-nine.patch from 1.1.0\n")
    assert sound(checkout)


def ninth_of_the_oldest(checkout: Checkout) -> None:
    assert checkout.run("lock", "--release", "1.0.0").code == 1
    run = checkout.tree("1.0.0") / "guardrails/run.py"
    run.write_text(NINTH["guardrails/run.py"].replace("step_10 = 10", "step_10 = context(10)"))
    checkout.git("1.0.0", "add", "-A")
    checkout.git("1.0.0", "am", "--continue")
    assert checkout.run("lock", "--release", "1.0.0").code == 0


def test_a_conflict_names_tree_patch_file_hunk_and_the_commands(varied: Checkout) -> None:
    edit(varied, "context(10)", "context(11)")
    before = unfinished(varied)
    result = refresh(varied)
    assert (result.code, result.out) == (1, "")
    assert result.errors == [
        "error: guardrails/1.1.0: what was edited in 0001-Keep-the-context-in-step-10.patch "
        "conflicts: guardrails/run.py: hunk 1 of 1 (line 15): mend it there, "
        "`git -C guardrails/1.1.0 add -A`, `git -C guardrails/1.1.0 am --continue` "
        "(`am --skip` leaves it out), and run this again"
    ]
    assert unfinished(varied) == before
    assert "<<<<<<<" in varied.text("1.1.0")


def test_until_somebody_has_gone_on_the_same_is_said_again(stopped: Checkout) -> None:
    before = stopped.snapshot()
    result = refresh(stopped)
    assert "guardrails/1.1.0: is in the middle of a git am" in result.err
    assert "`git -C guardrails/1.1.0 am --continue`" in result.err
    assert "in the middle of a git am" in stopped.run("apply-patches").err
    assert stopped.snapshot() == before


def test_what_somebody_has_mended_is_taken_and_reaches_those_before_it(stopped: Checkout) -> None:
    mend(stopped)
    result = refresh(stopped)
    assert (result.code, result.err) == (0, "")
    assert f"patches/{VARIANT}: merged, so look at it\n" in result.out
    assert "step_10 = context(11)" in stopped.text("2.0.0")
    for version in ("1.0.0", "1.1.0"):
        assert "step_10 = context(older=11)" in stopped.text(version)
    assert sound(stopped)


def test_an_edit_that_is_skipped_is_left_out(stopped: Checkout) -> None:
    stopped.git("1.1.0", "am", "--skip")
    assert refresh(stopped).code == 0
    assert "step_10 = context(older=10)" in stopped.text("1.0.0")
    assert sound(stopped)


def test_an_edit_that_comes_after_it_is_brought_into_what_was_mended(stopped: Checkout) -> None:
    mend(stopped)
    edit(stopped, "step_20 = 20", "step_20 = context(20)")
    stopped.edit("2.0.0", "guardrails/call.py", "return 1", "return 2")
    stopped.commit("2.0.0", "Return two")
    assert refresh(stopped).code == 0
    assert "step_10 = context(older=11)" in stopped.text("1.0.0")
    assert "step_20 = context(20)" in stopped.text("1.0.0")
    assert "return 2" in stopped.text("1.0.0", "guardrails/call.py")
    assert sound(stopped)


def test_an_edit_that_comes_after_it_may_conflict_once_more(stopped: Checkout) -> None:
    mend(stopped)
    edit(stopped, "context(11)", "context(12)")
    assert "conflicts: guardrails/run.py" in refresh(stopped).err
    mend(stopped, "step_10 = context(older=12)\n")
    assert refresh(stopped).code == 0
    assert "step_10 = context(older=12)" in stopped.text("1.0.0")
    assert sound(stopped)


def test_to_give_up_the_tree_is_made_afresh(stopped: Checkout) -> None:
    assert stopped.run("apply-patches", "--force").code == 0
    assert "context(older=10)" in stopped.text("1.1.0")
    assert sound(stopped)


def test_a_commit_of_ones_own_is_not_taken_for_a_patch(stopped: Checkout) -> None:
    mend(stopped)
    stopped.edit("1.1.0", "guardrails/call.py", "return 1", "return 2")
    stopped.commit("1.1.0", "Return two")
    result = refresh(stopped)
    assert "guardrails/1.1.0: Return-two.patch is none of the series: drop or ren" in result.err


def test_a_series_that_changed_meanwhile_is_not_overwritten(stopped: Checkout) -> None:
    mend(stopped)
    variant = stopped.layout.patches / VARIANT
    variant.write_text(variant.read_text().replace("have no parent", "have no parent at all"))
    assert "guardrails/1.1.0: was built from another lock or series" in refresh(stopped).err


def edit_and_mend(checkout: Checkout) -> None:
    """Edit the first patch of 2.0.0 so that the third conflicts with it, and mend that."""
    checkout.edit("2.0.0", "guardrails/run.py", "step_14 = 14", "step_14 = context(14)")
    with pytest.raises(subprocess.CalledProcessError):
        checkout.fixup("2.0.0", STEP)
    with pytest.raises(subprocess.CalledProcessError):
        mend(checkout, "step_14 = context(14)\nstep_15 = 15\n", "2.0.0", "rebase")
    mend(checkout, "step_14 = context(14)\nstep_15 = context(15)\n", "2.0.0", "rebase")


def test_what_was_mended_in_a_later_patch_is_an_edit_of_it(varied: Checkout) -> None:
    for step in (15, 25):
        old, new = f"step_{step} = {step}", f"step_{step} = context({step})"
        varied.edit("2.0.0", "guardrails/run.py", old, new)
    varied.commit("2.0.0", "Keep the context in step 15")
    assert refresh(varied).code == 0
    varied.edit("1.1.0", "guardrails/run.py", "context(25)", "context(older=25)")
    varied.fixup("1.1.0", "Keep the context in step 15")
    assert refresh(varied, "1.1.0").code == 0
    edit_and_mend(varied)
    assert "0003-Keep-the-context-in-step-15.patch conflicts" in refresh(varied).err
    mend(varied, "step_14 = context(14)\nstep_15 = context(15)\n")
    assert refresh(varied).code == 0
    assert "step_14 = context(14)\nstep_15 = context(15)\n" in varied.text("1.0.0")
    assert "context(older=25)" in varied.text("1.0.0")
    assert sound(varied)


def test_without_the_files_of_the_edited_release_nothing_could_be_merged(
    varied: Checkout, tmp_path: Path
) -> None:
    """What `git am -3` needs comes with the port, so that `am --continue` has it, too."""
    edit(varied, "context(10)", "context(11)")
    assert refresh(varied).code == 1
    for version in ("2.0.0", "1.0.0"):
        varied.tree(version).rename(tmp_path / version)
    mend(varied)
    assert "context(older=11)" in varied.text("1.1.0")


def test_a_release_that_had_nothing_of_its_own_gets_it_where_it_needs_it(
    checkout: Checkout,
) -> None:
    rows = "\n".join(BODY).replace("step_28 = 28", "step_28 = zwei") + "\n"
    checkout.publish("1.0.5", {"guardrails/run.py": rows})
    assert checkout.run("lock", "--release", "1.0.5").code == 0
    edit(checkout, "step_26 = 26", "step_26 = context(26)")
    result = refresh(checkout)
    name = "0001-Keep-the-context-in-step-10.patch"
    assert f"patches/before/1.1.0/{name}: merged, so look at it\n" in result.out
    assert checkout.files() == [*BOTH, f"before/1.0.5/{name}", f"before/1.1.0/{name}"]
    for version in checkout.lock:
        assert "step_26 = context(26)" in checkout.text(version)
    assert sound(checkout)
