"""`check-patches`: every lint finds what it is for, and a sound series passes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from checkout import TRAILERS, VARIANT, Checkout

from scripts import lint


def swap(old: str, new: str) -> Callable[[Path], None]:
    def change(patch: Path) -> None:
        text = patch.read_text()
        assert old in text
        patch.write_bytes(text.replace(old, new, 1).encode())

    return change


def swap_pattern(old: str, new: str) -> Callable[[Path], None]:
    def change(patch: Path) -> None:
        text, count = re.subn(old, new, patch.read_text(), count=1)
        assert count
        patch.write_bytes(text.encode())

    return change


SPOILT = {
    "commit id": (swap("From 0", "From 1"), "is not `From` with a zero commit id"),
    "carriage return": (swap("+step_10 = context(10)\n", "+step_10 = 1\r\n"), "carriage returns"),
    "last line end": (lambda p: p.write_bytes(p.read_bytes()[:-1]), "last row has no line end"),
    "signature": (lambda p: p.write_text(p.read_text() + "-- \n2.39.5\n\n"), "git's version"),
    "long subject": (swap("[PATCH] ", f"[PATCH] {'x' * 60} "), "88 characters: 72 are the most"),
    "no reason": (swap_pattern(r"The context is lost.*\n", ""), "does not say why"),
    "empty reason": (swap_pattern(r"The context is lost.*", "TODO: write why this is"), "say why"),
    "no trailers": (swap(TRAILERS, ""), "has no trailer Defects"),
    "no Topic": (swap("Topic: executor\n", ""), "has no trailer Topic"),
    "odd Topic": (swap("Topic: executor", "Topic: The Executor"), "Topic says nothing"),
    "odd Depends-On": (swap("Defects:", "Depends-On: streams and so\nDefects:"), "Depends-On says"),
    "no Defects": (swap("Defects: D1, D13\n", ""), "has no trailer Defects"),
    "odd Defects": (swap("D1, D13", "D1 and D13"), "Defects says nothing: 'D1 and D13'"),
    "two Defects": (swap("Defects:", "Defects: D2\nDefects:"), "has 2 trailers Defects"),
    "Bug to do": (swap_pattern("Bug: .*", "Bug: TBD"), "Bug says nothing: 'TBD'"),
    "Bug none": (swap_pattern("Bug: .*", "Bug: none"), "Bug says nothing: 'none'"),
    "Bug for no reason": (swap_pattern("Bug: .*", "Bug: none (n/a)"), "Bug says nothing"),
    "Forwarded pending": (swap_pattern("(Forwarded): .*", r"\1: Pending"), "Forwarded says nothin"),
    "Forwarded bare": (swap_pattern("(Forwarded): .*", r"\1: no"), "Forwarded says nothing"),
    "Forwarded to do": (swap_pattern("(Forwarded): .*", r"\1: no (TODO)"), "Forwarded says noth"),
    "Forwarded nowhere": (swap_pattern("(Forwarded): .*", r"\1: yes"), "Forwarded says nothing"),
    "Drop-When empty": (swap_pattern("(Drop-When):.*", r"\1:"), "Drop-When"),
    "Drop-When later": (swap_pattern("(Drop-When):.*", r"\1: later"), "Drop-When says nothing"),
    "short ids": (swap_pattern(r"index (\w{7})\w+\.\.(\w{7})\w+", r"index \1..\2"), "no full ids"),
    "mode": (swap("index ", "old mode 100644\nnew mode 100755\nindex "), "changes a file's mode"),
    "rename": (swap("index ", "rename from a\nrename to b\nindex "), "records a rename"),
    "binary": (swap("index ", "GIT binary patch\nindex "), "is binary"),
    "white space": (swap("context(10)\n", "context(10) \n"), "adds trailing white space near line"),
    "no diff": (swap_pattern(r"(?s)\ndiff --git.*", "\n"), "changes no file"),
    "hunk text": (swap("@@ -7,7 +7,7 @@", "@@ -7,7 +7,7 @@ x"), "an export of 2.0.0 differs"),
    "context": (
        swap(" step_9 = 9\n", " step_9 = nine\n"),
        "does not apply to 2.0.0: ",
    ),
    "offset": (swap("@@ -7,7 +7,7 @@", "@@ -5,7 +5,7 @@"), "an export of 2.0.0 differs"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_patch_is_found(checkout: Checkout, case: str) -> None:
    spoil, complaint = SPOILT[case]
    patch = checkout.patches("2.0.0")[0]
    spoil(patch)
    result = checkout.run("check-patches", "--release", "2.0.0")
    assert result.code == 1
    hits = [row for row in result.errors if complaint in row]
    assert hits, result.err
    assert hits[0].startswith(f"error: patches/{patch.name}: ")


def test_a_sound_checkout_passes(checkout: Checkout) -> None:
    before = checkout.snapshot()
    result = checkout.run("check-patches")
    assert (result.code, result.err) == (0, "")
    assert result.out == "patches: no problems in 3 trees\n"
    assert checkout.snapshot() == before


def test_only_trees_that_were_built_are_counted(checkout: Checkout) -> None:
    result = checkout.run("check-patches", "--release", "2.0.0")
    assert (result.code, result.out) == (0, "patches: no problems in 1 tree\n")


def test_all_problems_are_told_at_once(checkout: Checkout) -> None:
    variant = checkout.vary()
    for patch in checkout.patches("2.0.0"):
        swap("Defects: D1, D13\n", "")(patch)
    swap("Bug: ", "Bag: ")(variant)
    result = checkout.run("check-patches")
    assert len(result.errors) == 3


def test_an_empty_patch_hides_no_other_problem(checkout: Checkout) -> None:
    variant = checkout.vary()
    empty_patch(checkout)
    swap("Defects: D1, D13\n", "")(checkout.patches("2.0.0")[0])
    swap("Bug: ", "Bag: ")(variant)
    result = checkout.run("check-patches")
    assert len(result.errors) == 3


def empty_series(checkout: Checkout) -> None:
    checkout.series.write_text("")


def lost_series(checkout: Checkout) -> None:
    checkout.series.unlink()


def unlisted(checkout: Checkout) -> None:
    (checkout.layout.patches / "0003-x.patch").touch()


def missing(checkout: Checkout) -> None:
    checkout.patches("2.0.0")[1].unlink()


def empty_patch(checkout: Checkout) -> None:
    checkout.patches("2.0.0")[1].write_bytes(b"")


def twice(checkout: Checkout) -> None:
    checkout.series.write_text(checkout.series.read_text() * 2)


def rename(checkout: Checkout, name: str) -> None:
    old = checkout.patches("2.0.0")[1]
    old.rename(old.with_name(name))
    checkout.series.write_text(checkout.series.read_text().replace(old.name, name))


def row(checkout: Checkout, old: str, new: str) -> None:
    text = checkout.series.read_text()
    assert f"{old}\n" in text
    checkout.series.write_text(text.replace(f"{old}\n", f"{new}\n"))


def wrong_tree(checkout: Checkout) -> None:
    text = checkout.layout.lock.read_text()
    checkout.layout.lock.write_text(text.replace(checkout.lock["2.0.0"].tree, "4" * 40))


STEP, ADD = "0001-Keep-the-context-in-step-10.patch", "0002-Add-a-context.patch"


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (empty_series, "patches/series: lists no patch"),
        (lost_series, "patches/series: lists no patch"),
        (unlisted, "patches/0003-x.patch: not listed in the series"),
        (missing, f"patches/{ADD}: listed in the series but missing"),
        (empty_patch, f"patches/{ADD}: is empty: restore it"),
        (twice, f"patches/series: lists {STEP} twice"),
        (
            lambda c: rename(c, "0007-Add-a-context.patch"),
            "patches/0007-Add-a-context.patch: is num",
        ),
        (
            lambda c: rename(c, "0002-x.patch"),
            f"patches/0002-x.patch: an export names it …-{ADD[5:]}",
        ),
        (
            lambda c: row(c, ADD, f"{ADD} from 1.5.0"),
            f"patches/series: {ADD}: the lock has no relea",
        ),
        (
            lambda c: row(c, ADD, f"{ADD} from 1.1.0"),
            "guardrails/upstream.toml: 1.0.0: its patched",
        ),
        (
            lambda c: row(c, ADD, f"{ADD} before 2.0.0"),
            f"patches/before/2.0.0/{ADD}: listed in the",
        ),
        (wrong_tree, "guardrails/upstream.toml: 2.0.0: its patched tree is "),
    ],
)
def test_a_series_that_does_not_fit_is_found(checkout: Checkout, spoil, complaint: str) -> None:
    spoil(checkout)
    result = checkout.run("check-patches")
    assert result.code == 1
    assert any(text.startswith(f"error: {complaint}") for text in result.errors), result.err


def flip_a_byte(variant: Path) -> None:
    variant.write_bytes(variant.read_bytes().replace(b"+step_10", b"+step_1O"))


def flip_in_context(variant: Path) -> None:
    variant.write_bytes(variant.read_bytes().replace(b" step_9 = 9", b" step_9 = 8"))


def flip_in_the_message(variant: Path) -> None:
    variant.write_bytes(variant.read_bytes().replace(b"Topic: e", b"Topic: E"))


def in_another_folder(name: str) -> Callable[[Path], None]:
    return lambda variant: shutil.copytree(variant.parent, variant.parent.with_name(name))


SPOILT_VARIANTS = {
    "a byte": (flip_a_byte, f"patches/{VARIANT}: an export of 1.1.0 differs: run refresh-patches"),
    "a byte around it": (
        flip_in_context,
        f"patches/{VARIANT}: does not apply to 1.1.0: guardrails/run.py: ",
    ),
    "a byte of what it says": (
        flip_in_the_message,
        f"patches/{VARIANT}: its trailer Topic says nothing",
    ),
    "removed": (Path.unlink, "guardrails/upstream.toml: 1.1.0: its patched tree is "),
    "unlisted": (
        lambda variant: shutil.copy(variant, variant.with_name("0003-x.patch")),
        "patches/before/2.0.0/0003-x.patch: not listed in the series: list it or delete it",
    ),
    "of an unknown release": (
        in_another_folder("1.5.0"),
        "patches/before/1.5.0: the lock has no release 1.5.0: a folder is named for the oldest",
    ),
    "of no release at all": (
        in_another_folder("new"),
        "patches/before/new: the lock has no release",
    ),
    "of a release that has none before it": (
        in_another_folder("1.0.0"),
        "patches/before/1.0.0/0001-Keep-the-context-in-step-10.patch: serves no release: delete it",
    ),
}


@pytest.mark.parametrize("case", SPOILT_VARIANTS)
def test_a_spoilt_variant_is_told_in_a_line_that_names_it(checkout: Checkout, case: str) -> None:
    spoil, complaint = SPOILT_VARIANTS[case]
    spoil(checkout.vary())
    checked = checkout.run("check-patches", "--release", "1.1.0")
    assert checked.code == 1
    assert checked.errors[0].startswith(f"error: {complaint}"), checked.err
    assert len(checked.errors) == 1
    assert checkout.run("check-patches", "--release", "2.0.0").err in ("", checked.err)


def test_a_topic_that_comes_before_what_it_depends_on_is_found(checkout: Checkout) -> None:
    swap("Defects:", "Depends-On: streams\nDefects:")(checkout.patches("2.0.0")[0])
    assert "error: topic executor depends on streams, which does not come before it" in (
        checkout.run("check-patches").errors
    )


@pytest.mark.parametrize("case", ["a byte", "a byte around it", "removed"])
def test_no_tree_is_made_of_a_spoilt_variant(checkout: Checkout, case: str) -> None:
    SPOILT_VARIANTS[case][0](checkout.vary())
    result = checkout.run("apply-patches", "--release", "1.1.0")
    assert (result.code, len(result.errors)) == (1, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Defects", "D7"),
        ("Depends-On", "executor, event-loop"),
        ("Bug", "none (found here)"),
        ("Forwarded", "yes https://example.org/pull/2"),
        ("Forwarded", "not-needed (upstream has dropped the module)"),
        ("Drop-When", "never, this is ours"),
    ],
)
def test_a_trailer_that_says_something_passes(name: str, value: str) -> None:
    rule = next(rule for rule in lint.TRAILERS if rule.name == name)
    assert list(lint._trailer(rule, [value])) == []
