"""`pr`: branches in a clone of upstream, or a clone that is as it was."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from checkout import BODY, REASON, TRAILERS, Checkout, Result, git, make

from scripts import pr, topics
from scripts.message import Message

PROJECT = '[project]\nname = "guardrails-ai"\nversion = "{version}"\n'
TEXT = "# Keep it\n\nIt is\nlost.\n\n## What it does not change\n\n- The\n  rest.\n- All.\n"


@dataclass
class Upstream:
    """A clone of upstream, and the checkout that makes branches in it."""

    checkout: Checkout
    clone: Path

    def run(self, *arguments: str) -> Result:
        # `pr` takes no sdists, and this is the only command that does not.
        self.checkout.offline = False
        return self.checkout.run("pr", str(self.clone), *arguments)

    def git(self, *arguments: str) -> str:
        return git(self.clone, *arguments)

    def write(self, path: str, text: str) -> None:
        (self.clone / path).parent.mkdir(parents=True, exist_ok=True)
        (self.clone / path).write_text(text)

    def commit(self, subject: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", subject)
        return self.git("rev-parse", "--short", "HEAD").strip()

    @property
    def branches(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()

    @property
    def state(self) -> tuple[str, ...]:
        """All that a run that fails must leave as it was."""
        asked = (("status", "--porcelain", "--branch"), ("for-each-ref",), ("worktree", "list"))
        config = (self.clone / ".git" / "config").read_text()
        return (*(self.git(*question) for question in asked), config)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout like the others', with a topic of its own for each patch."""
    root = tmp_path_factory.mktemp("pr")
    projects = {
        v: {"pyproject.toml": PROJECT.format(version=v)} for v in ("1.0.0", "1.1.0", "2.0.0")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GUARDRAILS_CONTEXT_CACHE", str(tmp_path_factory.mktemp("cache")))
        checkout = make(root, projects)
        test = checkout.tree("2.0.0") / "tests" / "unit_tests" / "test_context.py"
        test.parent.mkdir(parents=True)
        test.write_text("def test_context(): ...\n")
        trailers = TRAILERS.replace("executor", "event-loop\nDepends-On: executor")
        message = f"{REASON}\n{trailers}"
        checkout.commit("2.0.0", "Test the context", message)
        assert checkout.run("refresh-patches").code == 0
    (root / "pr").mkdir()
    for topic in ("executor", "event-loop"):
        for ending, text in {
            ".md": TEXT,
            ".py": "print(1)\n",
            ".before.txt": "ORPHAN\n",
            ".after.txt": "whole\n",
        }.items():
            (root / "pr" / f"{topic}{ending}").write_text(text)
    return root


def cloned(made: Path, tmp_path: Path, version: str) -> Path:
    """A clone as a submitter has it: the release as published on main."""
    clone = tmp_path / "upstream"
    git(made, "clone", "-q", "--no-checkout", str(made / "guardrails" / version), str(clone))
    git(clone, "checkout", "-q", "-B", "main", "upstream")
    git(clone, "branch", "-q", "-D", "context")
    return clone


@pytest.fixture
def upstream(
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Upstream:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Sam Submitter")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "sam@example.org")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Sam Submitter")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "sam@example.org")
    return Upstream(Checkout(made, capsys), cloned(made, tmp_path, "2.0.0"))


def refused(upstream: Upstream, complaint: str, *arguments: str) -> None:
    """One line, exit code 1, and the clone as it was."""
    before = upstream.state
    result = upstream.run(*arguments)
    assert result.code == 1
    assert len(result.errors) == 1, result.err
    assert complaint in result.errors[0]
    assert result.errors[0].startswith(f"error: {upstream.clone}")
    assert upstream.state == before


def test_each_topic_is_a_branch_on_what_it_depends_on(upstream: Upstream) -> None:
    before = upstream.git("status", "--porcelain", "--branch"), upstream.git("rev-parse", "HEAD")
    result = upstream.run()
    assert (result.code, result.err) == (0, "")
    assert upstream.branches == ["context/event-loop", "context/executor", "main"]
    log = upstream.git("log", "--format=%s (%an %ae)", "main..context/event-loop").splitlines()
    who = "(Sam Submitter sam@example.org)"
    assert log == [
        f"Test the context {who}",
        f"Add a context {who}",
        f"Keep the context in step 10 {who}",
    ]
    tip = upstream.git("rev-parse", "context/executor")
    assert upstream.git("rev-parse", "context/event-loop~1") == tip
    assert before == (
        upstream.git("status", "--porcelain", "--branch"),
        upstream.git("rev-parse", "HEAD"),
    )
    assert upstream.git("worktree", "list").count("\n") == 1


def test_the_top_of_the_stack_is_the_patched_tree(upstream: Upstream) -> None:
    upstream.run()
    tree = upstream.git("rev-parse", "context/event-loop^{tree}").strip()
    assert tree == upstream.checkout.lock["2.0.0"].tree


CHANGED_TEST = """\
--- a/tests/test_call.py
+++ b/tests/test_call.py
@@ -1 +1 @@
-def test_call(): assert 0
+def test_call(): assert 1
"""


@pytest.mark.parametrize("there", [True, False])
def test_upstreams_tests_are_changed_where_a_topic_says_so(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    tests = upstream.checkout.root / "pr" / "executor.tests.patch"
    tests.write_text(CHANGED_TEST)
    if there:
        upstream.write("tests/test_call.py", "def test_call(): assert 0\n")
        upstream.commit("Test the call")
    try:
        assert upstream.run().code == 0
    finally:
        tests.unlink()
    changed = upstream.git("diff", "--name-only", "main", "context/executor").split()
    assert ("tests/test_call.py" in changed) == there
    assert upstream.git("log", "--format=%s", "main..context/executor").count("\n") == 2


def test_messages_say_nothing_of_this_project(upstream: Upstream) -> None:
    upstream.run()
    message = upstream.git("log", "-1", "--format=%B", "context/executor")
    assert message == f"Add a context\n\n{REASON}\n"


def test_a_text_has_all_that_a_reviewer_asks(upstream: Upstream) -> None:
    result = upstream.run()
    texts = upstream.checkout.root / "out/pr"
    assert (texts / "event-loop.title.txt").read_text() == "Keep it\n"
    text = (texts / "event-loop.md").read_text()
    parts = [
        "It is lost.\n\n```python\nprint(1)\n```",
        "On 2.0.0 this prints:\n\n```text\nORPHAN\n```",
        "With this branch:\n\n```text\nwhole\n```",
        "It builds on `context/executor`: its last commits are what to review.",
        "## What it does not change\n\n- The rest.\n- All.\n\n",
        "on Python 3.10 to 3.11: `tests/unit_tests/test_context.py`.",
        "Related: https://example.org/issues/1\n",
    ]
    places = [text.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)
    assert "D1" not in text
    assert "gh pr create --repo guardrails-ai/guardrails --head YOU:context/executor" in result.out


@contextmanager
def message_changed(upstream: Upstream, old: str, new: str) -> Iterator[None]:
    """The last patch's message says something else for a while."""
    checkout = upstream.checkout
    (patch,) = checkout.root.glob("patches/*-Test-the-context.patch")
    text = patch.read_text()
    assert old in text
    try:
        for content in (text.replace(old, new), text):
            patch.write_text(content)
            checkout.offline = True
            assert checkout.run("apply-patches", "--release", "2.0.0").code == 0
            if content != text:
                yield
    finally:
        patch.write_text(text)


def test_a_topic_that_depends_on_nothing_stands_alone(upstream: Upstream) -> None:
    with message_changed(upstream, "Depends-On: executor\n", ""):
        assert upstream.run().code == 0
    assert upstream.git("rev-parse", "context/event-loop~1") == upstream.git("rev-parse", "main")
    assert "builds on" not in (upstream.checkout.root / "out/pr/event-loop.md").read_text()


def test_what_leaks_is_told_in_private_first(upstream: Upstream) -> None:
    assert "it repairs a leak" not in upstream.run().out
    with message_changed(upstream, "Defects: D1, D13", "Defects: D3"):
        result = upstream.run("--replace")
    assert result.out.count("in private first: it repairs a leak") == 1
    advisory = (upstream.checkout.root / "out/pr/event-loop.advisory.md").read_text()
    assert advisory.startswith("# Keep it\n\nThis shows one user's data")


@pytest.mark.parametrize(
    ("forwarded", "kept_back"),
    [
        ([], ""),
        (["no (not yet)", "not-needed (older)"], ""),
        (["not-needed (older)", "no (not yet)"], ""),
        (["not-needed (gone)", "not-needed (older)"], "not-needed (gone)"),
    ],
)
def test_a_topic_is_sent_if_upstream_needs_any_of_it(forwarded: list[str], kept_back: str) -> None:
    said = [Message("", "", (("Forwarded", value),)) for value in forwarded]
    topic = topics.Topic("executor", tuple(topics.Patch(Path(), each) for each in said))
    assert topic.kept_back == kept_back


def test_what_upstream_does_not_need_is_not_sent(upstream: Upstream) -> None:
    with message_changed(upstream, "Forwarded: no (", "Forwarded: not-needed ("):
        result = upstream.run()
    assert upstream.branches == ["context/executor", "main"]
    assert "event-loop   Test the context" in result.out
    assert "not sent: not-needed (upstream has another plan)" in " ".join(result.out.split())
    assert not (upstream.checkout.root / "out/pr/event-loop.md").exists()


def test_a_newer_release_gets_the_newest_patches(upstream: Upstream) -> None:
    upstream.write("pyproject.toml", PROJECT.format(version="2.1.0"))
    upstream.commit("Release 2.1.0")
    assert upstream.run().code == 0
    assert "context/event-loop" in upstream.branches


def test_a_release_that_is_not_final_gets_the_newest_patches(upstream: Upstream) -> None:
    upstream.write("pyproject.toml", PROJECT.format(version="2.1.0a0"))
    upstream.commit("Begin 2.1.0")
    assert upstream.run().code == 0


def test_a_patch_that_was_made_from_another_file_is_merged(
    made: Path, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.clone = cloned(made, tmp_path / "older", "1.0.0")
    result = upstream.run()
    assert result.code == 0
    assert result.out.count("is merged by git") == 1
    assert result.out.count("applies as is") == 2


def test_what_upstream_has_is_dropped(upstream: Upstream) -> None:
    upstream.write("tests/unit_tests/test_context.py", "def test_context(): ...\n")
    upstream.commit("Test it ourselves")
    result = upstream.run()
    assert result.code == 0
    assert result.out.count("already upstream: drop it") == 1
    assert upstream.branches == ["context/executor", "main"]


@pytest.mark.parametrize("later", [False, True])
def test_what_was_merged_is_dropped_whatever_lies_over_it(upstream: Upstream, later: bool) -> None:
    upstream.run()
    upstream.git("merge", "-q", "--squash", "context/event-loop")
    upstream.commit("Merge all of it")
    if later:
        rows = (
            (upstream.clone / "guardrails/run.py").read_text().replace("step_7 = 7", "step_7 = 8")
        )
        upstream.write("guardrails/run.py", rows)
        upstream.commit("Take a longer step beside it")
    result = upstream.run("--replace")
    assert (result.code, result.out.count("already upstream: drop it")) == (0, 3)
    assert "upstream has all of it: nothing to send" in result.out


def test_what_was_merged_of_a_stack_is_dropped_from_the_rest(upstream: Upstream) -> None:
    upstream.run()
    upstream.git("merge", "-q", "--squash", "context/executor")
    upstream.commit("Merge a part of it")
    upstream.git("branch", "-D", "context/executor", "context/event-loop")
    result = upstream.run()
    assert (result.code, result.out.count("already upstream: drop it")) == (0, 2)
    assert upstream.branches == ["context/event-loop", "main"]
    assert upstream.git("rev-parse", "context/event-loop~1") == upstream.git("rev-parse", "main")


def test_half_of_a_change_is_not_the_change(upstream: Upstream) -> None:
    upstream.run()
    upstream.git("checkout", "-q", "context/executor~1", "--", "guardrails/run.py")
    upstream.commit("Take a part")
    result = upstream.run("--replace")
    assert (result.code, result.out.count("already upstream: drop it")) == (0, 1)


def test_what_is_beside_upstreams_change_is_merged(upstream: Upstream) -> None:
    # Within the patch's context, and none of its rows.
    rows = [row.replace("step_8 = 8", "step_8 = eight()") for row in BODY]
    upstream.write("guardrails/run.py", "\n".join(rows) + "\n")
    upstream.commit("Count to eight")
    result = upstream.run()
    assert (result.code, result.out.count("is merged by git")) == (0, 1)
    merged = upstream.git("show", "context/executor:guardrails/run.py")
    assert "step_8 = eight()" in merged
    assert "context(10)" in merged


def test_a_conflict_names_the_place_and_upstreams_commit(upstream: Upstream) -> None:
    upstream.git("tag", "v2.0.0")
    rows = [row.replace("step_10 = 10", "step_10 = ten()") for row in BODY]
    upstream.write("guardrails/run.py", "\n".join(rows) + "\n")
    commit = upstream.commit("Count to ten")
    upstream.write("README.md", "later\n")
    upstream.commit("Write more")
    before = upstream.state
    result = upstream.run()
    assert result.code == 1
    assert (
        "0001-Keep-the-context-in-step-10.patch\n  guardrails/run.py: hunk 1 of 1 (line 10); "
        f"changed by upstream's {commit} (Count to ten)\n" in result.out
    )
    # The others are told all the same.
    assert result.out.count("applies as is") == 2
    assert result.errors == [
        f"error: {upstream.clone}: left as it was: 1 of 3 patches conflict with 2.0.0"
    ]
    assert upstream.state == before


def test_what_is_printed_goes_on_from_a_conflict(upstream: Upstream) -> None:
    rows = [row.replace("step_10 = 10", "step_10 = ten()") for row in BODY]
    upstream.write("guardrails/run.py", "\n".join(rows) + "\n")
    upstream.commit("Count to ten")
    script = upstream.run().out.partition("to go on from here:\n")[2]
    switch, pick, *_, go_on = script.splitlines()
    done = subprocess.run(f"{switch} && {pick}", shell=True, check=False)
    assert done.returncode == 1
    assert upstream.git("diff", "--name-only", "--diff-filter=U") == "guardrails/run.py\n"
    upstream.write("guardrails/run.py", "\n".join(rows).replace("ten()", "context(ten())") + "\n")
    subprocess.run(go_on, shell=True, check=True, env={**os.environ, "GIT_EDITOR": "true"})
    log = upstream.git("log", "--format=%s (%an) %b", "main..context/executor")
    assert log.splitlines()[0] == f"Add a context (Sam Submitter) {REASON.splitlines()[0]}"
    assert "Topic:" not in log
    assert upstream.git("status", "--porcelain") == ""


def test_on_top_of_a_conflict_nothing_is_to_be_done_yet(upstream: Upstream) -> None:
    rows = [row.replace("step_10 = 10", "step_10 = ten()") for row in BODY]
    upstream.write("guardrails/run.py", "\n".join(rows) + "\n")
    upstream.write("tests/unit_tests/test_context.py", "def test_other(): ...\n")
    upstream.commit("Count to ten")
    result = upstream.run()
    assert result.errors[0].endswith("2 of 3 patches conflict with 2.0.0")
    assert result.out.count(" switch -c ") == 1
    assert " switch -c context/executor " in result.out


def test_only_what_has_come_since_the_release_is_to_blame(upstream: Upstream) -> None:
    rows = [row.replace("step_10 = 10", "step_10 = ten()") for row in BODY]
    upstream.write("guardrails/run.py", "\n".join(rows) + "\n")
    upstream.commit("Count to ten")
    upstream.git("tag", "v2.0.0")
    result = upstream.run()
    assert "hunk 1 of 1 (line 10)\n" in result.out
    assert "changed by" not in result.out


def test_a_file_that_upstream_removed_or_brought_is_named(upstream: Upstream) -> None:
    upstream.write("guardrails/context.py", "other = 1\n")
    brought = upstream.commit("Bring another context")
    (upstream.clone / "guardrails/run.py").unlink()
    removed = upstream.commit("Remove run")
    out = " ".join(upstream.run().out.split())
    assert f"changed by upstream's {brought} (Bring another context)" in out
    assert f"changed by upstream's {removed} (Remove run)" in out


def test_a_clone_that_is_not_there_is_refused(upstream: Upstream, tmp_path: Path) -> None:
    upstream.clone = tmp_path / "nowhere"
    result = upstream.run()
    assert (result.code, len(result.errors)) == (1, 1)
    assert "no such folder" in result.errors[0]


@pytest.mark.parametrize("place", ["guardrails", "plain"])
def test_a_folder_that_is_no_clones_top_is_refused(upstream: Upstream, place: str) -> None:
    (upstream.clone / place).mkdir(exist_ok=True)
    clone, upstream.clone = upstream.clone, upstream.clone / place
    result = upstream.run()
    assert (result.code, len(result.errors)) == (1, 1)
    assert "not a git clone's top folder" in result.errors[0]
    upstream.clone = clone
    assert upstream.branches == ["main"]


@pytest.mark.parametrize("kind", ["edited", "staged", "untracked"])
def test_a_dirty_clone_is_refused(upstream: Upstream, kind: str) -> None:
    upstream.write("notes.txt" if kind == "untracked" else "guardrails/call.py", "x = 1\n")
    if kind == "staged":
        upstream.git("add", "-A")
    name = "notes.txt" if kind == "untracked" else "guardrails/call.py"
    refused(upstream, f"is dirty: {name}: commit, stash or remove")


def test_what_the_user_ignores_is_no_dirt(upstream: Upstream) -> None:
    (upstream.clone / ".git" / "info").mkdir(exist_ok=True)
    (upstream.clone / ".git" / "info" / "exclude").write_text("notes.txt\n")
    upstream.write("notes.txt", "later\n")
    assert upstream.run().code == 0


def test_a_clone_in_the_middle_of_something_is_refused(upstream: Upstream) -> None:
    (upstream.clone / ".git" / "MERGE_HEAD").write_text(upstream.git("rev-parse", "HEAD"))
    refused(upstream, "is in the middle of a git merge: finish or abort it")


def test_a_clone_of_something_else_is_refused(upstream: Upstream) -> None:
    upstream.write("pyproject.toml", '[project]\nname = "other"\nversion = "2.0.0"\n')
    upstream.commit("Be another")
    refused(upstream, "is not guardrails-ai")


@pytest.mark.parametrize("text", ["", "not = [toml", '[project]\nname = "guardrails-ai"\n'])
def test_a_base_without_a_version_is_refused(upstream: Upstream, text: str) -> None:
    upstream.write("pyproject.toml", text)
    upstream.commit("Say less")
    refused(upstream, "is not guardrails-ai")


def test_a_base_that_is_older_is_refused(upstream: Upstream) -> None:
    upstream.write("pyproject.toml", PROJECT.format(version="0.9.5"))
    upstream.commit("Release 0.9.5")
    refused(upstream, "its release 0.9.5 is not known: check out main or one of 1.0.0, 1.1.0")


@pytest.mark.parametrize(("tags", "version"), [(["v1.1.0"], "1.1.0"), ([], "2.0.0")])
def test_history_says_which_release_a_commit_comes_from(
    upstream: Upstream, tags: list[str], version: str
) -> None:
    for tag in (*tags, "v9.9.9", "not-a-release"):
        upstream.git("tag", tag)
    base = pr._base(upstream.clone, upstream.checkout.lock)
    assert (base.release.version, base.version) == (version, "2.0.0")


def test_a_release_that_was_skipped_gets_the_patches_of_the_one_before(
    upstream: Upstream,
) -> None:
    upstream.write("pyproject.toml", PROJECT.format(version="1.0.5"))
    upstream.commit("Release 1.0.5")
    assert pr._base(upstream.clone, upstream.checkout.lock).release.version == "1.0.0"


def test_a_clone_without_a_commit_is_refused(upstream: Upstream, tmp_path: Path) -> None:
    upstream.clone = tmp_path / "fresh"
    git(tmp_path, "init", "-q", "-b", "main", str(upstream.clone))
    refused(upstream, "has no commit checked out")


@pytest.mark.parametrize("role", ["AUTHOR", "COMMITTER"])
@pytest.mark.parametrize("key", ["NAME", "EMAIL"])
def test_without_an_identity_nothing_is_committed(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, role: str, key: str
) -> None:
    monkeypatch.delenv(f"GIT_{role}_{key}")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    refused(upstream, "git does not know you")
    upstream.git("config", f"user.{key.lower()}", "sam")
    assert upstream.run().code == 0


@pytest.mark.parametrize("name", ["context/executor", "context/event-loop"])
@pytest.mark.parametrize("arguments", [[], ["--replace"]])
def test_a_branch_that_is_there_is_never_touched(
    upstream: Upstream, name: str, arguments: list[str]
) -> None:
    upstream.git("branch", name)
    refused(upstream, f"has a branch {name} already: rename or delete it", *arguments)


def test_branches_of_an_earlier_run_are_made_anew_unless_they_were_changed(
    upstream: Upstream,
) -> None:
    upstream.run()
    refused(upstream, "context/executor already: REPLACE=1 makes it anew")
    upstream.write("README.md", "later\n")
    upstream.commit("Write more")
    assert upstream.run("--replace").code == 0
    assert upstream.git("show", "context/event-loop:README.md") == "later\n"
    upstream.git("branch", "-f", "context/event-loop", "main")
    refused(upstream, "has a branch context/event-loop already: rename", "--replace")


def test_a_branch_that_is_checked_out_is_not_made_anew(upstream: Upstream) -> None:
    upstream.run()
    upstream.git("checkout", "-q", "context/executor")
    refused(upstream, "context/executor is checked out in ", "--replace")


def test_a_branch_in_the_way_of_the_folder_is_refused(upstream: Upstream) -> None:
    upstream.git("branch", "context")
    refused(upstream, "has a branch context, and git cannot have context/executor beside it")


def test_branches_come_together_or_not_at_all(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Somebody makes the second branch in the meantime.
    monkeypatch.setattr(pr, "_check_names", lambda *_, **__: None)
    upstream.git("branch", "context/event-loop")
    before = upstream.state
    assert upstream.run().code == 1
    assert upstream.state == before


def test_a_commit_that_fails_leaves_the_clone_as_it_was(upstream: Upstream) -> None:
    upstream.git("config", "commit.gpgSign", "true")
    upstream.git("config", "gpg.program", "/bin/false")
    before = upstream.state
    result = upstream.run()
    assert (result.code, len(result.errors)) == (1, 1)
    assert "git commit failed" in result.errors[0]
    assert upstream.state == before


def test_an_interrupt_leaves_the_clone_as_it_was(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pr, "create", interrupted)
    before = upstream.state
    assert upstream.run().code == 130
    assert upstream.state == before


def test_gates_that_fail_leave_the_clone_as_it_was(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log, nox = tmp_path / "log", tmp_path / "bin" / "nox"
    nox.parent.mkdir()
    nox.write_text(f'#!/bin/sh\necho "$@" > {log}\nls "$7" >> {log}\nexit 1\n')
    nox.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(nox.with_name("python")))
    refused(upstream, "upstream's gates fail", "--gates")
    said = log.read_text()
    assert "-s gates -- 2.0.0 " in said
    assert f" base={upstream.git('rev-parse', 'main').strip()} context/executor=" in said
    assert said.count("pyproject.toml") == 1


def test_the_clones_hooks_are_left_alone(upstream: Upstream) -> None:
    hook = upstream.clone / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert upstream.run().code == 0


def test_a_topic_without_its_text_is_refused(upstream: Upstream) -> None:
    text = upstream.checkout.root / "pr" / "event-loop.md"
    content = text.read_text()
    text.unlink()
    before = upstream.state
    result = upstream.run()
    text.write_text(content)
    assert (result.code, len(result.errors)) == (1, 1)
    assert "pr/event-loop.md: is missing" in result.errors[0]
    assert upstream.state == before


def test_it_works_from_any_folder(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    upstream.clone = Path(os.path.relpath(upstream.clone))
    assert upstream.run().code == 0
