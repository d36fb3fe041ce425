"""A release that the patches do not fit: ported as CONTRIBUTING says, and the old diffs kept."""

from __future__ import annotations

import pytest
from checkout import BODY, STEP, Checkout
from test_refresh import BOTH, sound

# A row in the first patch's context is another one.
NINTH = {"guardrails/run.py": "\n".join(BODY).replace(BODY[8], "step_9 = nine") + "\n"}
# So far away that it merges.
EIGHTH = {"guardrails/run.py": "\n".join(BODY).replace(BODY[7], "step_8 = eight") + "\n"}


def mend(checkout: Checkout, version: str) -> None:
    run = checkout.tree(version) / "guardrails/run.py"
    run.write_text(NINTH["guardrails/run.py"].replace("step_10 = 10", "step_10 = context(10)"))
    checkout.git(version, "add", "-A")
    checkout.git(version, "am", "--continue")


def test_what_merges_becomes_the_series_and_the_old_diff_a_variant(checkout: Checkout) -> None:
    old = checkout.patches("2.0.0")[0].read_bytes()
    checkout.publish("3.0.0", EIGHTH)
    result = checkout.run("lock", "--release", "3.0.0")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "locked 3.0.0: Python 3.10, 3.11\n"
        "patches/0001-Keep-the-context-in-step-10.patch: merged, so look at it\n"
        "rebuilt: 3.0.0\n"
    )
    assert checkout.files() == [*BOTH, f"before/3.0.0/{BOTH[0]}"]
    assert checkout.patches("2.0.0")[0].read_bytes() == old
    assert sound(checkout)


def test_a_conflict_is_mended_in_the_new_tree_and_lock_run_again(checkout: Checkout) -> None:
    checkout.publish("3.0.0", NINTH)
    before = checkout.snapshot()
    result = checkout.run("lock", "--release", "3.0.0")
    assert result.errors == [
        "error: guardrails/3.0.0: 0001-Keep-the-context-in-step-10.patch conflicts: "
        "guardrails/run.py: hunk 1 of 1 (line 9): mend it there, "
        "`git -C guardrails/3.0.0 add -A`, `git -C guardrails/3.0.0 am --continue` "
        "(`am --skip` leaves it out), and run this again"
    ]
    after = checkout.snapshot()
    assert {path: after[path] for path in before} == before
    mend(checkout, "3.0.0")
    assert checkout.run("lock", "--release", "3.0.0").code == 0
    assert checkout.files() == [*BOTH, f"before/3.0.0/{BOTH[0]}"]
    assert "step_9 = nine\nstep_10 = context(10)\n" in checkout.text("3.0.0")
    assert sound(checkout)


def test_what_a_new_release_has_already_ends_before_it(checkout: Checkout) -> None:
    context = {"guardrails/context.py": "def context(x): ...\n"}
    checkout.publish("3.0.0", context)
    assert checkout.run("lock", "--release", "3.0.0").code == 0
    assert checkout.series.read_text() == f"{BOTH[0]}\n{BOTH[1]} before 3.0.0\n"
    assert checkout.files() == [BOTH[0], f"before/3.0.0/{BOTH[1]}"]
    assert (
        checkout.run("refresh-patches", "--release", "3.0.0").out == "3.0.0: unchanged (1 patch)\n"
    )
    assert sound(checkout)


@pytest.mark.parametrize("version", ["1.0.5", "0.9.0"])
def test_a_release_between_others_or_before_all_gets_a_diff_of_its_own(
    checkout: Checkout, version: str
) -> None:
    newest = [path.read_bytes() for path in checkout.patches("2.0.0")]
    trees = {known: release.tree for known, release in checkout.lock.items()}
    checkout.publish(version, NINTH)
    assert checkout.run("lock", "--release", version).code == 1
    mend(checkout, version)
    assert checkout.run("lock", "--release", version).code == 0
    assert [path.read_bytes() for path in checkout.patches("2.0.0")] == newest
    assert {
        known: release.tree for known, release in checkout.lock.items() if known in trees
    } == trees
    assert sound(checkout)


def test_an_edit_reaches_the_release_before_through_the_old_diff(checkout: Checkout) -> None:
    checkout.publish("3.0.0", EIGHTH)
    assert checkout.run("lock", "--release", "3.0.0").code == 0
    assert checkout.run("apply-patches").code == 0
    checkout.edit("3.0.0", "guardrails/run.py", "context(10)", "context(11)")
    checkout.fixup("3.0.0", STEP)
    assert checkout.run("refresh-patches", "--release", "3.0.0").code == 0
    assert "context(11)" in checkout.text("1.0.0")
    assert sound(checkout)
