"""`apply-patches`: what it builds, what it leaves alone, and what it says when it cannot."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import Checkout, git
from regression.waiting import PATIENCE

from scripts import build, files, sdist, trees
from scripts.layout import ROOT


def test_a_tree_is_the_sdist_with_one_commit_a_patch_on_top(checkout: Checkout) -> None:
    assert checkout.git("2.0.0", "log", "--format=%s").splitlines() == [
        "Add a context",
        "Keep the context in step 10",
        "guardrails-ai 2.0.0, as published",
    ]
    assert checkout.git("2.0.0", "rev-parse", "upstream") == checkout.git(
        "2.0.0", "rev-parse", "HEAD~2"
    )
    assert checkout.git("2.0.0", "branch", "--show-current").strip() == "context"
    assert "context(10)" in (checkout.tree("2.0.0") / "guardrails" / "run.py").read_text()


def test_a_commits_dates_are_its_patchs(checkout: Checkout) -> None:
    """The time at which somebody exports or builds is in no commit."""
    rows = checkout.git("2.0.0", "log", "--reverse", "--format=%aD|%cD", "upstream..").splitlines()
    for row, patch in zip(rows, checkout.patches("2.0.0"), strict=True):
        authored, committed = row.split("|")
        assert f"\nDate: {authored}\n" in patch.read_text()
        assert committed == authored


def test_who_committed_can_be_nobody(checkout: Checkout) -> None:
    addresses = set(checkout.git("2.0.0", "log", "--format=%ce").split())
    assert len(addresses) == 1
    assert addresses.pop().endswith(".invalid")


def test_trees_in_another_format_are_built_anew(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "FORMAT", build.FORMAT + 1)
    result = checkout.run("apply-patches")
    assert (result.code, result.out.count("built"), result.out.count("up to date")) == (0, 3, 0)


def test_the_tree_is_the_one_that_the_lock_says(checkout: Checkout) -> None:
    for version, release in checkout.lock.items():
        assert checkout.git(version, "rev-parse", "HEAD^{tree}").strip() == release.tree


def test_an_older_release_may_have_offsets(checkout: Checkout) -> None:
    assert "step_10 = context(10)" in (checkout.tree("1.0.0") / "guardrails/run.py").read_text()


def test_a_second_run_builds_nothing(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(build, "build", refuse)
    result = checkout.run("apply-patches")
    assert result.code == 0
    assert result.out.count("up to date") == 3


def test_the_table_says_what_to_do_next(checkout: Checkout) -> None:
    assert "pip install ./guardrails/2.0.0" in checkout.run("apply-patches").out


def test_one_release_can_be_chosen(checkout: Checkout) -> None:
    for version in checkout.lock:
        shutil.rmtree(checkout.tree(version))
    assert checkout.run("apply-patches", "--release", "1.0.0").code == 0
    assert [path.name for path in checkout.layout.trees.glob("[0-9]*")] == ["1.0.0"]


def test_an_unknown_release_is_answered_with_the_known_ones(checkout: Checkout) -> None:
    result = checkout.run("apply-patches", "--release", "3.0.0")
    assert result.code == 1
    assert result.errors == [
        "error: release 3.0.0 is not in the lock; did you mean 2.0.0? it has 1.0.0, 1.1.0, 2.0.0"
    ]


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ("2.0", "did you mean 2.0.0?"),
        ("v1.0.0", "did you mean 1.0.0?"),
        ("1.1", "did you mean 1.1.0?"),
        ("1.0.0 2.0.0", "name one release, or none for all of them"),
    ],
)
def test_what_was_meant_is_said(checkout: Checkout, release: str, said: str) -> None:
    (error,) = checkout.run("apply-patches", "--release", release).errors
    assert said in error


@pytest.mark.parametrize("command", ["apply-patches", "refresh-patches", "check-patches"])
def test_an_empty_lock_is_no_success(checkout: Checkout, command: str) -> None:
    checkout.layout.lock.write_text("")
    result = checkout.run(command)
    assert (result.code, result.out, len(result.errors)) == (1, "", 1)
    assert f"{checkout.layout.lock}: no release in it" in result.err


def test_a_changed_series_rebuilds_the_tree(checkout: Checkout) -> None:
    checkout.series.write_text("0002-Add-a-context.patch\n")
    checkout.patches("2.0.0")[0].with_name("0001-Keep-the-context-in-step-10.patch").unlink()
    for version in checkout.lock:
        assert checkout.run("lock", "--release", version).code == 0
    result = checkout.run("apply-patches")
    assert result.code == 0
    assert "context(10)" not in (checkout.tree("2.0.0") / "guardrails" / "run.py").read_text()


def test_leftovers_of_a_build_are_no_edit(checkout: Checkout) -> None:
    for name in ("guardrails/__pycache__/run.pyc", "build/x", "guardrails_ai.egg-info/PKG-INFO"):
        path = checkout.tree("2.0.0") / name
        path.parent.mkdir()
        path.touch()
    assert checkout.run("apply-patches").out.count("up to date") == 3


def flip_a_byte(tree: Path) -> None:
    path = tree / "guardrails" / "run.py"
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def add_a_commit(tree: Path) -> None:
    git(tree, "commit", "-q", "--allow-empty", "-m", "mine")


EDITS = {
    "a flipped byte with its old time": (flip_a_byte, "has edited files: guardrails/run.py"),
    "a new file": (lambda t: (t / "NOTES").touch(), "has edited files: NOTES"),
    "a deleted file": (
        lambda t: (t / "guardrails" / "call.py").unlink(),
        "has edited files: guardrails/call.py",
    ),
    "a commit": (add_a_commit, "has commits that the series does not"),
    "another branch": (lambda t: git(t, "switch", "-qc", "mine"), "not on its branch context"),
    "no HEAD": (lambda t: (t / ".git" / "HEAD").unlink(), "no tree of ours"),
    "no objects": (lambda t: shutil.rmtree(t / ".git" / "objects"), "no tree of ours"),
    "no .git": (lambda t: shutil.rmtree(t / ".git"), "no tree of ours"),
    "nothing inside": (lambda t: (shutil.rmtree(t), t.mkdir()), "no tree of ours"),
    "half a rebase": (
        lambda t: (t / ".git" / "rebase-merge").mkdir(),
        "in the middle of a git",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("series_changed", [False, True], ids=["", "series changed too"])
def test_a_touched_tree_is_left_alone(checkout: Checkout, edit: str, series_changed: bool) -> None:
    touch, found = EDITS[edit]
    touch(checkout.tree("2.0.0"))
    if series_changed:
        second = checkout.patches("2.0.0")[1]
        second.write_text(second.read_text().replace("no parent", "no parent at all"))
    before = checkout.snapshot()
    result = checkout.run("apply-patches", "--release", "2.0.0")
    assert result.code == 1
    assert len(result.errors) == 1
    assert found in result.err
    assert result.err.startswith("error: guardrails/2.0.0: ")
    assert "FORCE=1" in result.err
    assert checkout.snapshot() == before


def test_force_starts_afresh_and_says_that_edits_are_lost(checkout: Checkout) -> None:
    flip_a_byte(checkout.tree("2.0.0"))
    result = checkout.run("apply-patches", "--release", "2.0.0", "--force")
    assert result.code == 0
    assert "rebuilt, edits lost" in result.out
    assert checkout.git("2.0.0", "status", "--porcelain") == ""


def broken(checkout: Checkout) -> Path:
    """Make the first patch one whose context is not in the tree."""
    patch = checkout.patches("2.0.0")[0]
    patch.write_text(patch.read_text().replace(" step_9 = 9\n", " step_9 = nine\n"))
    return patch


def test_a_patch_that_does_not_apply_is_named_with_file_and_hunk(checkout: Checkout) -> None:
    broken(checkout)
    result = checkout.run("apply-patches", "--release", "2.0.0")
    assert result.code == 1
    expected = (
        r"error: patches/0001-Keep-the-context-in-step-10\.patch: "
        r"does not apply to 2\.0\.0: guardrails/run\.py: hunk 1 \(line 7\); "
        r"the half-built tree is in (.+)"
    )
    match = re.fullmatch(expected, result.errors[0])
    assert match
    assert (Path(match[1]) / ".git" / "rebase-apply").is_dir()


def test_a_failure_leaves_what_stood_before_and_builds_the_others(checkout: Checkout) -> None:
    checkout.vary()
    broken(checkout)
    shutil.rmtree(checkout.tree("1.0.0"))
    head = checkout.git("2.0.0", "rev-parse", "HEAD")
    result = checkout.run("apply-patches")
    assert result.code == 1
    assert checkout.git("2.0.0", "rev-parse", "HEAD") == head
    assert checkout.git("2.0.0", "status", "--porcelain") == ""
    assert checkout.tree("1.0.0").is_dir()


def test_the_next_run_clears_a_half_built_tree_away(checkout: Checkout) -> None:
    patch = checkout.patches("2.0.0")[0]
    whole = patch.read_bytes()
    broken(checkout)
    checkout.run("apply-patches")
    assert checkout.layout.building("2.0.0").exists()
    patch.write_bytes(whole)
    assert checkout.run("apply-patches").code == 0
    assert not checkout.layout.building("2.0.0").exists()


def test_a_patch_that_upstream_has_already_is_said_to_be_so(checkout: Checkout) -> None:
    first, second = checkout.patches("2.0.0")
    shutil.copy(first, first.with_name("0003-Again.patch"))
    rows = f"{first.name}\n{second.name}\n0003-Again.patch\n"
    (first.parent / "series").write_text(rows)
    result = checkout.run("apply-patches", "--release", "2.0.0")
    assert "0003-Again.patch: 2.0.0 has this change already: drop the patch" in result.err


@pytest.mark.parametrize(
    ("number", "complaint"),
    [(0, "Patch format detection failed."), (1, "empty ident name (for <>) not allowed")],
)
def test_a_damaged_patch_is_not_taken_for_one_that_upstream_has(
    checkout: Checkout, number: int, complaint: str
) -> None:
    patch = checkout.patches("2.0.0")[number]
    patch.write_text(patch.read_text().replace("From 0000", "Frm 0000", 1))
    result = checkout.run("apply-patches", "--release", "2.0.0")
    expected = f"error: patches/{patch.name}: does not apply to 2.0.0: {complaint}; "
    assert [row[: len(expected)] for row in result.errors] == [expected]


def test_an_offset_is_refused_for_the_newest_release_of_a_patch(checkout: Checkout) -> None:
    patch = checkout.patches("2.0.0")[0]
    text = patch.read_text().replace("@@ -7,7 +7,7 @@", "@@ -5,7 +5,7 @@")
    patch.write_text(re.sub(r"index \w{40}", f"index {'1' * 40}", text))
    result = checkout.run("apply-patches", "--release", "2.0.0")
    assert result.code == 1
    assert "applies to 2.0.0 only with an offset: guardrails/run.py: hunk 1 (line 5)" in result.err


def test_white_space_errors_are_refused(checkout: Checkout) -> None:
    patch = checkout.patches("2.0.0")[0]
    patch.write_text(patch.read_text().replace("context(10)\n", "context(10) \n"))
    result = checkout.run("apply-patches", "--release", "2.0.0")
    assert "adds a white-space error: trailing whitespace" in result.err


def test_a_tree_that_is_not_the_locked_one_is_refused(checkout: Checkout) -> None:
    patch = checkout.patches("2.0.0")[1]
    patch.write_text(
        re.sub(r"\.\.\w{40}", ".." + "2" * 40, patch.read_text()).replace("(x)", "(y)")
    )
    result = checkout.run("apply-patches", "--release", "2.0.0")
    assert result.code == 1
    assert f"the lock says {checkout.lock['2.0.0'].tree}" in result.err
    assert not checkout.layout.building("2.0.0").exists()


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda at: (at / "series").write_text("# nothing\n"), "patches/series: lists no patch"),
        (lambda at: next(at.glob("0002*")).unlink(), "listed in the series but missing"),
        (
            lambda at: (at / "0003-x.patch").touch(),
            "patches/0003-x.patch: not listed in the series",
        ),
        (
            lambda at: next(at.glob("0002*")).write_bytes(b""),
            "patches/0002-Add-a-context.patch: is empty: restore it",
        ),
        (
            lambda at: (at / "series").write_text((at / "series").read_text() * 2),
            "twice: keep one",
        ),
        (
            lambda at: (at / "series").write_text("0001-x.patch since 1.0.0\n"),
            "'0001-x.patch since 1.0.0' is not a patch's name, with `from RELEASE` and",
        ),
        (
            lambda at: (at / "series").write_bytes(b"\xff"),
            "series: not UTF-8 text",
        ),
    ],
)
def test_series_and_files_must_agree(checkout: Checkout, spoil, complaint: str) -> None:
    spoil(checkout.layout.patches)
    before = checkout.snapshot()
    result = checkout.run("apply-patches")
    assert result.code == 1
    assert complaint in result.err
    assert checkout.snapshot() == before


def test_a_wrong_hash_is_refused_before_anything_is_unpacked(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdist, "unpack", lambda *_: pytest.fail("unpacked"))
    path = checkout.publish("2.0.0", {"guardrails/evil.py": "boom\n"})
    result = checkout.run("apply-patches", "--release", "2.0.0", "--force")
    assert result.code == 1
    assert f"error: {path} (replace it to go on): refused: " in result.err
    assert f"the lock says {checkout.lock['2.0.0'].sha256}" in result.err


def test_a_missing_sdist_is_named(checkout: Checkout) -> None:
    (checkout.sdists / "guardrails_ai-2.0.0.tar.gz").unlink()
    result = checkout.run("apply-patches", "--release", "2.0.0", "--force")
    assert result.code == 1
    assert "guardrails_ai-2.0.0.tar.gz: not there, and with SDISTS no index is asked" in result.err


@pytest.mark.parametrize("command", ["apply-patches", "check-patches", "refresh-patches"])
def test_without_git_one_line_says_so(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    before = checkout.snapshot()
    monkeypatch.setenv("PATH", str(tmp_path))
    result = checkout.run(command)
    assert (result.code, result.out) == (1, "")
    assert result.errors == ["error: git is not on PATH: install git 2.30 or newer"]
    assert checkout.snapshot() == before


def test_ctrl_c_while_building_leaves_everything_as_it_was(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = checkout.snapshot()
    monkeypatch.setattr(sdist, "unpack", interrupt)
    result = checkout.run("apply-patches", "--force")
    assert result.code == 130
    assert result.errors == ["error: interrupted: nothing is left half done"]
    assert checkout.snapshot() == before


def test_ctrl_c_while_a_tree_is_renamed_in_brings_the_old_one_back(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def interrupt(self: Path, target: Path) -> Path:
        if self.name.startswith(".building-"):
            raise KeyboardInterrupt
        return rename(self, target)

    before = checkout.snapshot()
    monkeypatch.setattr(Path, "rename", interrupt)
    assert checkout.run("apply-patches", "--force").code == 130
    assert checkout.snapshot() == before


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_command_with_130(
    checkout: Checkout, tmp_path: Path, stop: signal.Signals
) -> None:
    before = checkout.snapshot()
    # A git that hangs in a commit stands in for a long build; the pipe says when it was reached.
    fake = tmp_path / "bin"
    fake.mkdir()
    os.mkfifo(tmp_path / "reached")
    hang = f"echo x > {tmp_path}/reached; exec sleep {2 * PATIENCE}"
    script = f'case "$*" in *" commit "*) {hang};; esac; exec {shutil.which("git")} "$@"'
    (fake / "git").write_text(f"#!/bin/sh\n{script}\n")
    (fake / "git").chmod(0o755)
    command = [sys.executable, "-m", "scripts", "--root", str(checkout.root), "apply-patches"]
    process = subprocess.Popen(
        [*command, "--force", "--release", "2.0.0", "--sdists", str(checkout.sdists)],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{fake}:{os.environ['PATH']}"},
        stderr=subprocess.PIPE,
        text=True,
    )
    (tmp_path / "reached").read_text()
    process.send_signal(stop)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err == "error: interrupted: nothing is left half done\n"
    assert checkout.snapshot() == before


def test_a_full_disk_leaves_everything_as_it_was(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, *_: object) -> None:
        (folder / "half").write_text("x")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / "half"))

    before = checkout.snapshot()
    monkeypatch.setattr(build, "_apply", full)
    result = checkout.run("apply-patches", "--release", "2.0.0", "--force")
    assert result.code == 1
    assert "No space left on device" in result.err
    assert "2.0.0" in result.err
    assert checkout.snapshot() == before


def test_a_run_after_a_kill_puts_back_what_was_set_aside(checkout: Checkout) -> None:
    tree = checkout.tree("2.0.0")
    tree.rename(tree.with_name(files.REPLACED + "2.0.0"))
    (checkout.layout.trees / ".building-2.0.0").mkdir()
    assert checkout.run("apply-patches").out.count("up to date") == 3


def test_nothing_to_do_for_23_trees_is_under_a_second(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = checkout.lock["2.0.0"]
    patches = checkout.patches("2.0.0")
    for number in range(23):
        shutil.copytree(checkout.tree("2.0.0"), checkout.root / "many" / str(number))
    start = worked()
    for number in range(23):
        found = trees.inspect(checkout.root / "many" / str(number), trees.digest(release, patches))
        assert found.state is trees.State.CURRENT
    assert worked() - start < 1


def worked() -> float:
    """The seconds that this process and those that it waited for have had a processor."""
    return sum(os.times()[:4])


def test_a_full_disk_leaves_nothing_behind(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = build.git.attempt

    def full(tree: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        if arguments[0] != "am":
            return attempt(tree, *arguments, stdin=stdin)
        said = b"fatal: could not write index: No space left on device\n"
        return subprocess.CompletedProcess(arguments, 128, b"", said)

    monkeypatch.setattr(build.git, "attempt", full)
    result = checkout.run("apply-patches", "--release", "2.0.0", "--force")
    (error,) = result.errors
    assert error.startswith("error: 2.0.0: No space left on device: make room in ")
    assert not list(checkout.layout.trees.glob(".building-*"))
