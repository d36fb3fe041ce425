"""`pr`: makes branches, one a topic, in a submitter's own clone of upstream.

A topic that depends on no other starts from what the clone has checked out: it can be merged alone.
All work is done in a worktree beside the clone: what is checked out there is never touched, and
the branches come into being together at the end, or not at all.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from scripts import apply, fit, git, lock, pyproject, series, topics, trees
from scripts.errors import Failure
from scripts.fit import Finding, Fit
from scripts.layout import Layout
from scripts.lock import Release
from scripts.topics import Patch, Topic

PREFIX = "context/"
# What a branch was when it was made, so that one that is still the same may be replaced.
_MADE = "refs/guardrails-context/"


@dataclass(frozen=True)
class Base:
    """What the clone has checked out.

    Attributes:
        clone: The clone's top folder.
        commit: The commit.
        version: The release that its pyproject.toml names.
        release: The locked release whose patches are applied: this one, or the newest before it.
        history: Upstream's commits since that release, for `git log`; all of them if its tag is
            not there.
    """

    clone: Path
    commit: str
    version: str
    release: Release
    history: str


@dataclass(frozen=True)
class Branch:
    """A branch.

    Attributes:
        name: The branch's name.
        topic: What it holds.
        below: The commit that it starts from: the base, or what it depends on.
        tip: Its newest commit.
    """

    name: str
    topic: Topic
    below: str
    tip: str


@dataclass(frozen=True)
class Stack:
    """What became of the series on a clone.

    Attributes:
        base: What it was applied to.
        findings: How each patch fits, in order.
        branches: The branches, in the order of the series; none if a patch conflicts.
        ways: For each patch that conflicts, the git commands that go on from there.
        tree: A folder with all branches together, while it lasts.
    """

    base: Base
    findings: tuple[tuple[Patch, Finding], ...]
    branches: tuple[Branch, ...]
    ways: tuple[str, ...]
    tree: Path


@contextmanager
def stacked(
    layout: Layout, locked: Mapping[str, Release], clone: Path, *, replace: bool = False
) -> Iterator[Stack]:
    """Apply a clone's series in a worktree beside it; `create` makes the branches from it.

    Args:
        layout: The checkout.
        locked: The lock.
        clone: The clone of upstream.
        replace: Whether branches of an earlier run that nobody has changed may be replaced.

    Yields:
        The stack. Nothing in the clone is changed, and the worktree goes in the end.

    Raises:
        Failure: If the clone is not fit for it.
    """
    top = _top(clone)
    base = _base(top, locked)
    _check_identity(top)
    version = base.release.version
    patches = topics.read(series.load(layout.patches, locked).patches(version))
    _check_names(top, [topic.name for topic in topics.of(patches)], replace=replace)
    commits = _fetched(layout, locked, base)
    with _worktree(base) as tree:
        yield _applied(tree, base, dict(zip(patches, commits, strict=True)), layout.root / "pr")


def create(stack: Stack) -> None:
    """Make the branches of a stack, all of them or none.

    Raises:
        Failure: If a branch has come to be there in the meantime.
    """
    clone, rows = stack.base.clone, []
    for branch in stack.branches:
        made = _MADE + branch.topic.name
        known = git.attempt(clone, "rev-parse", "--verify", "--quiet", made).stdout.decode().strip()
        rows.append(f"update refs/heads/{branch.name} {branch.tip} {known or git.ZERO_ID}\n")
        rows.append(f"update {made} {branch.tip}\n")
    git.run(clone, "update-ref", "--stdin", stdin="".join(rows).encode())


def _top(clone: Path) -> Path:
    if not clone.is_dir():
        raise Failure(f"{clone}: no such folder: name your clone of guardrails-ai/guardrails")
    top = git.attempt(clone, "rev-parse", "--show-toplevel")
    # A folder inside of some other checkout is not what was meant.
    if top.returncode or Path(top.stdout.decode().strip()).resolve() != clone.resolve():
        raise Failure(f"{clone}: not a git clone's top folder: name that of your clone of upstream")
    if unfinished := trees.unfinished(clone):
        raise Failure(f"{clone}: {unfinished}: finish or abort it first")
    # The user's own ignore file and settings decide what a change is.
    status = git.as_user(clone, "status", "--porcelain", "-z").stdout.decode("utf-8", "replace")
    if files := [row[3:] for row in status.rstrip("\0").split("\0") if row]:
        shown = trees.some(files)
        raise Failure(f"{clone}: is dirty: {shown}: commit, stash or remove that first")
    return clone.resolve()


def _base(clone: Path, locked: Mapping[str, Release]) -> Base:
    head = git.attempt(clone, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if head.returncode:
        raise Failure(f"{clone}: has no commit checked out: check out main or a release's tag")
    project = git.attempt(clone, "show", "HEAD:pyproject.toml")
    name, version = _project(project.stdout.decode("utf-8", "replace"))
    # Of a release that is not final yet, such as 0.12.0a0, the numbers count.
    final = re.match(r"\d+(\.\d+)+", version)
    if name != "guardrails-ai" or not final:
        raise Failure(f"{clone}: is not guardrails-ai: check out main or a release's tag")
    newest = list(locked)[-1]
    known = version if version in locked else newest
    if lock.order(final[0]) < lock.order(known):
        raise Failure(
            f"{clone}: its release {version} is not known: check out main or one of "
            f"{', '.join(locked)}"
        )
    commit, tag = head.stdout.decode().strip(), f"refs/tags/v{known}"
    tagged = not git.attempt(clone, "rev-parse", "--verify", "--quiet", tag).returncode
    return Base(clone, commit, version, locked[known], f"{tag}..{commit}" if tagged else commit)


def _project(text: str) -> tuple[str, str]:
    """The name and the version in a pyproject.toml, which may be of poetry's older kind."""
    try:
        document = tomlkit.parse(text).unwrap()
    except TOMLKitError:
        return "", ""
    table = pyproject.package(document)
    return str(table.get("name", "")), str(table.get("version", ""))


def _check_identity(clone: Path) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        asked = ("-c", "user.useConfigOnly=true", "var", f"GIT_{role}_IDENT")
        if git.as_user(clone, *asked).returncode:
            raise Failure(
                f"{clone}: git does not know you, and the commits will be yours: "
                "`git config --global user.name …`, and user.email"
            )


def _check_names(clone: Path, names: Sequence[str], *, replace: bool) -> None:
    asked = ("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", _MADE)
    refs = dict(row.split() for row in git.run(clone, *asked).splitlines())
    if f"refs/heads/{PREFIX.rstrip('/')}" in refs:
        raise Failure(
            f"{clone}: has a branch {PREFIX.rstrip('/')}, and git cannot have {PREFIX}{names[0]} "
            "beside it: rename it first"
        )
    for name in names:
        there = refs.get(f"refs/heads/{PREFIX}{name}")
        ours = there is not None and there == refs.get(_MADE + name)
        if there and not (ours and replace):
            what = "REPLACE=1 makes it anew" if ours else "rename or delete it first"
            raise Failure(f"{clone}: has a branch {PREFIX}{name} already: {what}")


def _fetched(layout: Layout, locked: Mapping[str, Release], base: Base) -> list[str]:
    """The series' own commits, whose objects are brought to the clone without a ref."""
    version = base.release.version
    (outcome,) = apply.apply(layout, locked, [version], apply.Options())
    if outcome.failure:
        raise Failure(outcome.failure)
    tree = layout.tree(version)
    quiet = ("--quiet", "--no-tags", "--no-write-fetch-head")
    git.run(base.clone, "fetch", *quiet, str(tree), "refs/tags/exported")
    return git.run(tree, "rev-list", "--reverse", "upstream..exported").split()


@contextmanager
def _worktree(base: Base) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pr-") as scratch:
        tree = Path(scratch).resolve() / "tree"
        git.run(base.clone, "worktree", "add", "--quiet", "--detach", str(tree), base.commit)
        try:
            yield tree
        finally:
            git.attempt(base.clone, "worktree", "remove", "--force", str(tree))


def _applied(tree: Path, base: Base, commits: Mapping[Patch, str], texts: Path) -> Stack:
    there = fit.upstreams(tree, [patch.path for patch in commits])
    findings: list[tuple[Patch, Finding]] = []
    branches: list[Branch] = []
    ways: list[str] = []
    made: dict[str, list[str]] = {}
    for topic in topics.of(list(commits)):
        below = _start(tree, base, made, topic)
        kept = []
        for patch in topic.patches:
            finding = Finding(Fit.UPSTREAM)
            if patch.path not in there:
                start = git.run(tree, "rev-parse", "HEAD").strip()
                finding = fit.put(tree, patch.path, commits[patch], base.history)
                if finding.fit is Fit.CONFLICT:
                    ways.append(_way(base.clone, topic, start, commits[patch]))
            findings.append((patch, finding))
            if finding.fit is not Fit.UPSTREAM:
                _commit(tree, patch)
                kept.append(patch)
        if kept:
            _change_tests(tree, texts / f"{topic.name}.tests.patch")
        made[topic.name] = git.run(tree, "rev-list", "--reverse", f"{below}..HEAD").split()
        if kept and not topic.kept_back:
            tip = git.run(tree, "rev-parse", "HEAD").strip()
            branches.append(Branch(PREFIX + topic.name, Topic(topic.name, tuple(kept)), below, tip))
    if not ways:
        _pick(tree, base.commit, made, list(made))
    return Stack(base, tuple(findings), tuple(branches) if not ways else (), tuple(ways), tree)


def _start(tree: Path, base: Base, made: Mapping[str, list[str]], topic: Topic) -> str:
    """Checks out what a topic starts from: the base, with what it depends on."""
    needs = set(topic.needs)
    # Each commit stands on those of its own topic's needs; the made ones are in order.
    first = max((name for name in needs), key=list(made).index, default="")
    start = made[first][-1] if first and made[first] else base.commit
    _pick(tree, start, made, [name for name in made if name in needs and name != first])
    return git.run(tree, "rev-parse", "HEAD").strip()


def _pick(tree: Path, start: str, made: Mapping[str, list[str]], names: Sequence[str]) -> None:
    """Checks out a commit, and puts the commits of other topics on it."""
    git.run(tree, "checkout", "--quiet", "--detach", start)
    for name in names:
        for commit in made[name]:
            if git.as_user(tree, *_QUIET, "cherry-pick", commit).returncode:
                raise Failure(
                    f"{tree}: branch {PREFIX}{name} and what comes before it do not go together: "
                    "make it depend on that"
                )


def _way(clone: Path, topic: Topic, start: str, commit: str) -> str:
    steps = f"switch -c {PREFIX}{topic.name} {start[:12]}", f"cherry-pick {commit[:12]}"
    return " && ".join(f"git -C {clone} {step}" for step in steps)


# The clone's hooks test and format, at each commit; that is what GATES=1 does once.
_QUIET = ("-c", f"core.hooksPath={os.devnull}")


def _commit(tree: Path, patch: Patch) -> None:
    """Commits a patch as the submitter's own work, its message without this project's trailers."""
    text = f"{patch.said.subject}\n\n{patch.said.prose}\n"
    how = ("commit", "--quiet", "--allow-empty", "--file=-")
    done = git.as_user(tree, *_QUIET, *how, stdin=text.encode())
    if done.returncode:
        raise Failure(f"git commit failed in {tree}: {git.first_line(done.stderr)}")


def _change_tests(tree: Path, tests: Path) -> None:
    """Has upstream's own tests say what a topic's patches mend; sdists, and patches, lack them."""
    if not tests.exists() or git.attempt(tree, "apply", "--index", str(tests.resolve())).returncode:
        return
    git.as_user(tree, *_QUIET, "commit", "--quiet", "--amend", "--no-edit")


def sizes(stack: Stack) -> list[tuple[int, int]]:
    """How many rows each branch of a stack adds and takes away."""
    found = []
    for branch in stack.branches:
        rows = git.run(stack.base.clone, "diff", "--numstat", branch.below, branch.tip)
        counts = [row.split("\t")[:2] for row in rows.splitlines()]
        found.append((sum(int(added) for added, _ in counts), sum(int(gone) for _, gone in counts)))
    return found


def check_gates(layout: Layout, stack: Stack) -> None:
    """Run upstream's own gates on the base and on all branches together.

    Raises:
        Failure: If they find anything there that they do not find at the base.
    """
    with _worktree(stack.base) as before:
        nox = str(Path(sys.executable).with_name("nox"))
        named = (stack.base.release.version, str(before), str(stack.tree))
        command = [nox, "-f", str(layout.root / "noxfile.py"), "-s", "gates", "--", *named]
        if subprocess.run(command, check=False).returncode:
            raise Failure(f"{stack.base.clone}: left as it was: upstream's gates fail, see above")
