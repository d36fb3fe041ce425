"""`check-patches`: every lint finds what it is for, and a sound line passes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from checkout import TRAILERS, Checkout

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
    "hunk text": (swap("@@ -7,7 +7,7 @@", "@@ -7,7 +7,7 @@ x"), "an export of its tree differs"),
    "context": (
        swap(" step_9 = 9\n", " step_9 = nine\n"),
        "does not apply to 2.0.0: ",
    ),
    "offset": (swap("@@ -7,7 +7,7 @@", "@@ -5,7 +5,7 @@"), "an export of its tree differs"),
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
    assert hits[0].startswith(f"error: patches/2.0.0/{patch.name}: ")


def test_a_sound_checkout_passes(checkout: Checkout) -> None:
    before = checkout.snapshot()
    result = checkout.run("check-patches")
    assert (result.code, result.err) == (0, "")
    assert result.out == "patches: no problems in 2 lines\n"
    assert checkout.snapshot() == before


def test_only_lines_that_were_checked_are_counted(checkout: Checkout) -> None:
    result = checkout.run("check-patches", "--release", "2.0.0")
    assert (result.code, result.out) == (0, "patches: no problems in 1 line\n")


def test_all_problems_are_told_at_once(checkout: Checkout) -> None:
    for patch in checkout.patches("2.0.0"):
        swap("Defects: D1, D13\n", "")(patch)
    swap("Bug: ", "Bag: ")(checkout.patches("1.0.0")[0])
    result = checkout.run("check-patches")
    assert len(result.errors) == 3


def test_an_empty_patch_hides_no_other_problem(checkout: Checkout) -> None:
    empty_patch(checkout)
    swap("Defects: D1, D13\n", "")(checkout.patches("2.0.0")[0])
    swap("Bug: ", "Bag: ")(checkout.patches("1.0.0")[0])
    result = checkout.run("check-patches")
    assert len(result.errors) == 3


def empty_series(checkout: Checkout) -> None:
    (checkout.layout.line("2.0.0") / "series").write_text("")


def unlisted(checkout: Checkout) -> None:
    (checkout.layout.line("2.0.0") / "0003-x.patch").touch()


def missing(checkout: Checkout) -> None:
    checkout.patches("2.0.0")[1].unlink()


def empty_patch(checkout: Checkout) -> None:
    checkout.patches("2.0.0")[1].write_bytes(b"")


def twice(checkout: Checkout) -> None:
    series = checkout.layout.line("2.0.0") / "series"
    series.write_text(series.read_text() * 2)


def misnumbered(checkout: Checkout) -> None:
    line = checkout.layout.line("2.0.0")
    checkout.patches("2.0.0")[1].rename(line / "0007-Add-a-context.patch")
    series = (line / "series").read_text()
    (line / "series").write_text(series.replace("0002", "0007"))


def misnamed(checkout: Checkout) -> None:
    line = checkout.layout.line("2.0.0")
    checkout.patches("2.0.0")[1].rename(line / "0002-x.patch")
    (line / "series").write_text(f"{checkout.patches('2.0.0')[0].name}\n0002-x.patch\n")


def unused_line(checkout: Checkout) -> None:
    shutil.copytree(checkout.layout.line("2.0.0"), checkout.layout.line("3.0.0"))


def lost_line(checkout: Checkout) -> None:
    shutil.rmtree(checkout.layout.line("2.0.0"))


def wrong_tree(checkout: Checkout) -> None:
    text = checkout.layout.lock.read_text()
    checkout.layout.lock.write_text(text.replace(checkout.lock["2.0.0"].tree, "4" * 40))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (empty_series, "patches/2.0.0/series: lists no patch"),
        (unlisted, "patches/2.0.0/0003-x.patch: not listed in the series"),
        (missing, "patches/2.0.0/0002-Add-a-context.patch: listed in the series but missing"),
        (empty_patch, "patches/2.0.0/0002-Add-a-context.patch: is empty: restore it"),
        (twice, "patches/2.0.0/series: lists 0001-Keep-the-context-in-step-10.patch twice"),
        (misnumbered, "patches/2.0.0/0007-Add-a-context.patch: is number 2 of the series"),
        (misnamed, "patches/2.0.0/0002-x.patch: an export names it 0002-Add-a-context.patch"),
        (unused_line, "patches/3.0.0: no release in the lock uses it"),
        (lost_line, "patches/2.0.0/series: lists no patch"),
        (wrong_tree, "guardrails/upstream.toml: 2.0.0: its patched tree is "),
    ],
)
def test_a_line_that_does_not_fit_is_found(checkout: Checkout, spoil, complaint: str) -> None:
    spoil(checkout)
    result = checkout.run("check-patches")
    assert result.code == 1
    assert any(row.startswith(f"error: {complaint}") for row in result.errors), result.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Defects", "D7"),
        ("Bug", "none (found here)"),
        ("Forwarded", "yes https://example.org/pull/2"),
        ("Forwarded", "not-needed (upstream has dropped the module)"),
        ("Drop-When", "never, this is ours"),
    ],
)
def test_a_trailer_that_says_something_passes(name: str, value: str) -> None:
    rule = next(rule for rule in lint.TRAILERS if rule.name == name)
    assert list(lint._trailer(rule, [value])) == []
