"""The trees are the same everywhere, whatever the user's git is told to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkout import Checkout, git, make

HOSTILE = """\
[am]
    threeWay = true
    keepcr = false
[apply]
    whitespace = fix
[commit]
    gpgSign = true
[core]
    attributesFile = {home}/attributes
    autocrlf = true
    excludesFile = {home}/excludes
    hooksPath = {home}/hooks
    quotePath = true
    whitespace = cr-at-eol
[diff]
    algorithm = patience
    context = 9
    external = false
    mnemonicPrefix = true
    noprefix = true
    renames = copies
    interHunkContext = 9
[format]
    attach = true
    coverLetter = true
    from = Mallory <mallory@example.org>
    headers = "X-Mallory: yes"
    numbered = true
    pretty = oneline
    signature = hello
    signOff = true
    subjectPrefix = MINE
    suffix = .txt
    useAutoBase = true
[gpg]
    program = false
[i18n]
    commitEncoding = ISO-8859-1
    logOutputEncoding = ISO-8859-1
[init]
    defaultBranch = trunk
    templateDir = {home}/template
[mailinfo]
    scissors = true
[trailer]
    separators = "#"
[user]
    name = Mallory
    email = mallory@example.org
    useConfigOnly = true
"""


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "hostile"
    hooks = [home / "hooks", home / "template" / "hooks"]
    for folder in hooks:
        folder.mkdir(parents=True)
        for name in ("applypatch-msg", "commit-msg", "post-commit", "pre-applypatch", "pre-commit"):
            (folder / name).write_text("#!/bin/sh\nexit 1\n")
            (folder / name).chmod(0o755)
    (home / "attributes").write_text("* text eol=crlf diff=python\n")
    (home / "excludes").write_text("*.py\n")
    (home / ".gitconfig").write_text(HOSTILE.format(home=home))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "diff.noprefix")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    monkeypatch.setenv("GIT_DIR", str(home / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")


def commits(checkout: Checkout) -> dict[str, str]:
    return {
        version: (checkout.tree(version) / ".git" / "refs" / "heads" / "context").read_text()
        for version in checkout.lock
    }


def test_commit_ids_are_the_same_under_a_hostile_git_configuration(
    checkout: Checkout, hostile: None
) -> None:
    before = commits(checkout)
    assert checkout.run("apply-patches", "--force").code == 0
    assert commits(checkout) == before


def test_exports_are_the_same_under_a_hostile_git_configuration(
    checkout: Checkout, hostile: None
) -> None:
    before = checkout.snapshot()
    result = checkout.run("refresh-patches")
    assert result.out == "2.0.0: unchanged (2 patches)\n"
    assert checkout.run("check-patches").err == ""
    assert checkout.snapshot() == before


def test_two_places_give_the_same_bases(checkout: Checkout, tmp_path: Path) -> None:
    other = make(tmp_path / "another" / "place")
    for version in checkout.lock:
        mine, others = (c.git(version, "rev-parse", "upstream") for c in (checkout, other))
        assert mine == others


def test_attributes_in_an_sdist_change_nothing_that_is_committed(empty: Checkout) -> None:
    text = "a\r\nb\n"
    empty.publish("1.0.0", {".gitattributes": "* text eol=lf\n", "mixed.txt": text})
    empty.run("lock", "--release", "1.0.0")
    assert empty.run("apply-patches").code == 0
    assert (empty.tree("1.0.0") / "mixed.txt").read_bytes() == text.encode()
    size = empty.git("1.0.0", "cat-file", "-s", "HEAD:mixed.txt")
    assert int(size) == len(text)


def test_ignore_files_in_an_sdist_leave_nothing_out(empty: Checkout) -> None:
    empty.publish("1.0.0", {".gitignore": "*.txt\n", "notes.txt": "x\n"})
    empty.run("lock", "--release", "1.0.0")
    assert empty.run("apply-patches").code == 0
    assert "notes.txt" in empty.git("1.0.0", "ls-files").split()


def test_a_damaged_tree_is_not_taken_for_the_repository_around_it(checkout: Checkout) -> None:
    git(checkout.root, "init", "-q")
    (checkout.tree("2.0.0") / ".git" / "HEAD").unlink()
    result = checkout.run("apply-patches")
    assert result.errors[0].startswith("error: guardrails/2.0.0: is no tree of ours")
