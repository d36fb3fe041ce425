"""`lock`: a release is added or refreshed, or nothing is written."""

from __future__ import annotations

import hashlib
import shutil

import pytest
from checkout import BODY, Checkout, archive, member, pkg_info, sdist

from scripts import build, lock_release


def test_a_release_is_described_from_its_sdist(empty: Checkout) -> None:
    result = empty.run("lock", "--release", "1.0.0")
    assert (result.code, result.err) == (0, "")
    assert result.out == "locked 1.0.0: Python 3.10, 3.11\n"
    release = empty.lock["1.0.0"]
    content = (empty.sdists / release.sdist).read_bytes()
    assert release.sha256 == hashlib.sha256(content).hexdigest()
    # 3.9 is in the classifiers, but not allowed by Requires-Python.
    assert release.pythons == ("3.10", "3.11")


def test_an_empty_lock_takes_its_first_release(empty: Checkout) -> None:
    empty.layout.trees.mkdir()
    empty.layout.lock.write_text("# Ours.\n")
    assert empty.run("lock", "--release", "1.0.0").code == 0
    assert list(empty.lock) == ["1.0.0"]
    assert empty.layout.lock.read_text().startswith("# Ours.\n")


@pytest.mark.parametrize(
    ("requires", "pythons"),
    [
        ("", ("3.9", "3.10")),
        (">=3.9.1,<4.0", ("3.9", "3.10")),
        ("<=3.9", ("3.9",)),
        (">=3.10", ("3.10",)),
        (">=3.11", ()),
    ],
)
def test_pythons_are_the_classifiers_that_are_allowed(
    requires: str, pythons: tuple[str, ...]
) -> None:
    named = ["Python :: 3", "Python :: 3.10", "Python :: 3.9", "Python :: 3 :: Only"]
    classifiers = [f"Programming Language :: {name}" for name in named]
    assert lock_release._pythons(classifiers, requires) == pythons


def test_pythons_on_which_nothing_installs_are_left_out() -> None:
    classifiers = [f"Programming Language :: Python :: 3.{minor}" for minor in (13, 14)]
    assert lock_release._pythons(classifiers, "") == ("3.13",)


def test_locking_again_changes_nothing(checkout: Checkout) -> None:
    before = checkout.snapshot()
    for version in checkout.lock:
        assert checkout.run("lock", "--release", version).code == 0
    assert checkout.snapshot() == before


def test_an_older_release_is_locked_with_offsets(checkout: Checkout) -> None:
    patches = [path.read_bytes() for path in checkout.patches("2.0.0")]
    checkout.publish("1.0.5", {"guardrails/run.py": "\n".join(["# odd"] * 3 + BODY) + "\n"})
    result = checkout.run("lock", "--release", "1.0.5")
    assert (result.code, result.out) == (0, "locked 1.0.5: Python 3.10, 3.11\n")
    assert checkout.run("apply-patches").code == 0
    assert checkout.run("check-patches").err == ""
    assert [path.read_bytes() for path in checkout.patches("2.0.0")] == patches


def test_between_others_a_release_takes_what_is_before_the_next_newer_one(
    checkout: Checkout,
) -> None:
    variant = checkout.vary()
    checkout.publish("1.0.5", {"guardrails/run.py": "\n".join(["# odd"] * 3 + BODY) + "\n"})
    assert checkout.run("lock", "--release", "1.0.5").code == 0
    assert checkout.patches("1.0.5")[0] == variant
    assert checkout.run("check-patches").err == ""


def test_a_variant_fits_the_newest_release_that_takes_it(checkout: Checkout) -> None:
    checkout.vary()
    checkout.publish("1.2.0", {"guardrails/run.py": "\n".join(["# odd"] * 3 + BODY) + "\n"})
    result = checkout.run("lock", "--release", "1.2.0")
    assert result.out.endswith("\nrebuilt: 1.0.0, 1.1.0, 1.2.0\n")
    assert checkout.run("apply-patches").out.count("up to date") == 4
    assert checkout.run("check-patches").err == ""


def test_a_newer_release_has_the_series_exported_anew(checkout: Checkout) -> None:
    checkout.publish("2.2.0", {"guardrails/run.py": "\n".join(["# more"] * 9 + BODY) + "\n"})
    result = checkout.run("lock", "--release", "2.2.0")
    assert "\nrebuilt: 1.0.0, 1.1.0, 2.0.0, 2.2.0" in result.out
    assert len(checkout.files()) == 2
    assert checkout.run("apply-patches").out.count("up to date") == 4
    assert checkout.run("check-patches").err == ""


def rewrap(checkout: Checkout) -> None:
    """Edit a patch by hand, so that an export of its tree is another."""
    patch = checkout.patches("2.0.0")[0]
    patch.write_text(patch.read_text().replace("@@ -7,7 +7,7 @@", "@@ -7,7 +7,7 @@ by hand"))


def test_a_patch_that_was_edited_by_hand_is_brought_in_order(checkout: Checkout) -> None:
    before = checkout.snapshot()
    rewrap(checkout)
    result = checkout.run("lock", "--release", "2.0.0")
    assert "\nrebuilt: 1.0.0, 1.1.0, 2.0.0" in result.out
    assert checkout.snapshot() == before


def test_a_tree_with_commits_of_its_own_is_not_replaced(checkout: Checkout) -> None:
    checkout.edit("2.0.0", "guardrails/call.py", "1", "2")
    checkout.commit("2.0.0", "Return two")
    rewrap(checkout)
    before = checkout.snapshot()
    result = checkout.run("lock", "--release", "2.0.0")
    assert "guardrails/2.0.0: has commits that the series does not" in result.err
    assert checkout.snapshot() == before


def test_an_sdist_that_changed_is_refused(checkout: Checkout) -> None:
    checkout.publish("2.0.0", {"guardrails/evil.py": "boom\n"})
    before = checkout.layout.lock.read_bytes()
    result = checkout.run("lock", "--release", "2.0.0")
    assert result.code == 1
    assert "a release never changes" in result.err
    assert checkout.layout.lock.read_bytes() == before


@pytest.mark.parametrize(
    ("version", "content", "complaint"),
    [
        ("1.0.1", None, "no sdist of 1.0.1 here"),
        ("1.0rc1", None, "not a final release's version"),
        ("1.0.1", sdist("1.0.1")[:50], "not a whole .tar.gz"),
        ("1.0.1", archive(member("guardrails_ai-1.0.1/a", b"")), "no PKG-INFO"),
        (
            "1.0.1",
            archive(member("guardrails_ai-1.0.1/PKG-INFO", pkg_info("9.9").encode())),
            "it says that it is version 9.9",
        ),
        (
            "1.0.1",
            archive(member("guardrails_ai-1.0.1/PKG-INFO", b"Version: 1.0.1\n")),
            "declares no Python version",
        ),
    ],
)
def test_what_cannot_be_locked_is_said(
    empty: Checkout, version: str, content: bytes | None, complaint: str
) -> None:
    if content is not None:
        (empty.sdists / f"guardrails_ai-{version}.tar.gz").write_bytes(content)
    result = empty.run("lock", "--release", version)
    assert result.code == 1
    assert len(result.errors) == 1
    assert complaint in result.err
    assert not empty.layout.lock.exists()


@pytest.mark.parametrize("step", ["_apply", "exported"])
def test_an_interrupt_writes_nothing(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = checkout.snapshot()
    monkeypatch.setattr(build, step, interrupt)
    assert checkout.run("lock", "--release", "2.0.0").code == 130
    assert checkout.snapshot() == before


def test_without_patches_there_is_nothing_to_lock(empty: Checkout) -> None:
    shutil.rmtree(empty.layout.patches)
    assert empty.run("lock", "--release", "1.0.0").errors == [
        "error: patches/series: lists no patch: restore it"
    ]
