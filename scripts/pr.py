"""`pr`: makes a stack of branches, one a topic, in a submitter's own clone of upstream.

All work is done in a worktree beside the clone: what is checked out there is never touched, and
the branches come into being together at the end, or not at all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from scripts import fit, git, lock, pyproject, series, topics, trees
from scripts.errors import Failure
from scripts.fit import Finding, Fit
from scripts.layout import Layout
from scripts.lock import Release
from scripts.topics import Patch, Topic

PREFIX = "context-"


@dataclass(frozen=True)
class Base:
    """What the clone has checked out.

    Attributes:
        clone: The clone's top folder.
        commit: The commit.
        version: The release that its pyproject.toml names.
        release: The locked release whose patches are applied: this one, or the newest before it.
    """

    clone: Path
    commit: str
    version: str
    release: Release


@dataclass(frozen=True)
class Branch:
    """A branch of the stack.

    Attributes:
        name: The branch's name.
        topic: What it holds.
        below: The commit that it starts from: the base, or the tip of the branch below.
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
        branches: The branches, the lowest first; none if a patch conflicts.
        tree: A folder with the top of the stack checked out, while it lasts.
    """

    base: Base
    findings: tuple[tuple[Patch, Finding], ...]
    branches: tuple[Branch, ...]
    tree: Path

    @property
    def conflicts(self) -> bool:
        """Whether a patch conflicts."""
        return any(finding.fit is Fit.CONFLICT for _, finding in self.findings)


@contextmanager
def stacked(layout: Layout, locked: Mapping[str, Release], clone: Path) -> Iterator[Stack]:
    """Apply a clone's series in a worktree beside it; `create` makes the branches from it.

    Args:
        layout: The checkout.
        locked: The lock.
        clone: The clone of upstream.

    Yields:
        The stack. Nothing in the clone is changed, and the worktree goes in the end.

    Raises:
        Failure: If the clone is not fit for it.
    """
    top = _top(clone)
    base = _base(top, locked)
    _check_identity(top)
    patches = series.load(layout.patches, locked).patches(base.release.version)
    found = topics.of(topics.read(patches))
    _check_names(top, _names(found))
    with _worktree(base) as tree:
        yield _applied(tree, base, found, layout.root / "pr")


def create(stack: Stack) -> None:
    """Make the branches of a stack, all of them or none.

    Raises:
        Failure: If a branch is there already.
    """
    rows = "".join(f"create refs/heads/{each.name} {each.tip}\n" for each in stack.branches)
    git.run(stack.base.clone, "update-ref", "--stdin", stdin=rows.encode())


def _top(clone: Path) -> Path:
    if not clone.is_dir():
        raise Failure(f"{clone}: no such folder: name your clone of guardrails-ai/guardrails")
    top = git.attempt(clone, "rev-parse", "--show-toplevel")
    # A folder inside of some other checkout is not what was meant.
    if top.returncode or Path(top.stdout.decode().strip()).resolve() != clone.resolve():
        raise Failure(f"{clone}: not a git clone's top folder: name that of your clone of upstream")
    if unfinished := trees.unfinished(clone):
        raise Failure(f"{clone}: {unfinished}: finish or abort it first")
    changes = git.run(clone, "status", "--porcelain", "-z").rstrip("\0").split("\0")
    if files := [row[3:] for row in changes if row]:
        shown = trees.some(files)
        raise Failure(f"{clone}: is dirty: {shown}: commit, stash or remove that first")
    return clone.resolve()


def _base(clone: Path, locked: Mapping[str, Release]) -> Base:
    head = git.attempt(clone, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if head.returncode:
        raise Failure(f"{clone}: has no commit checked out: check out main or a release's tag")
    project = git.attempt(clone, "show", "HEAD:pyproject.toml")
    name, version = _project(project.stdout.decode("utf-8", "replace"))
    if name != "guardrails-ai" or not lock.valid_version(version):
        raise Failure(f"{clone}: is not guardrails-ai: check out main or a release's tag")
    newest = list(locked)[-1]
    known = version if version in locked else newest
    if lock.order(version) < lock.order(known):
        raise Failure(
            f"{clone}: its release {version} is not known: check out main or one of "
            f"{', '.join(locked)}"
        )
    return Base(clone, head.stdout.decode().strip(), version, locked[known])


def _project(text: str) -> tuple[str, str]:
    """The name and the version in a pyproject.toml, which may be of poetry's older kind."""
    try:
        document = tomlkit.parse(text).unwrap()
    except TOMLKitError:
        return "", ""
    table = pyproject.package(document)
    return str(table.get("name", "")), str(table.get("version", ""))


def _check_identity(clone: Path) -> None:
    for key in ("name", "email"):
        given = os.environ.get(f"GIT_AUTHOR_{key.upper()}")
        if not given and git.as_user(clone, "config", f"user.{key}").returncode:
            raise Failure(
                f"{clone}: git does not know your {key}, and the commits will be yours: "
                f"`git config --global user.{key} …`"
            )


def _names(found: Sequence[Topic]) -> dict[str, str]:
    """The branch of each topic, numbered from the bottom of the stack."""
    return {topic.name: f"{PREFIX}{n:02}-{topic.name}" for n, topic in enumerate(found, start=1)}


def _check_names(clone: Path, names: Mapping[str, str]) -> None:
    for name in names.values():
        ref = f"refs/heads/{name}"
        if not git.attempt(clone, "rev-parse", "--verify", "--quiet", ref).returncode:
            raise Failure(f"{clone}: has a branch {name} already: rename or delete it first")


@contextmanager
def _worktree(base: Base) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pr-") as scratch:
        tree = Path(scratch).resolve() / "tree"
        git.run(base.clone, "worktree", "add", "--quiet", "--detach", str(tree), base.commit)
        try:
            yield tree
        finally:
            git.attempt(base.clone, "worktree", "remove", "--force", str(tree))


def _applied(tree: Path, base: Base, found: Sequence[Topic], texts: Path) -> Stack:
    findings: list[tuple[Patch, Finding]] = []
    branches: list[Branch] = []
    names, below = _names(found), base.commit
    for topic in found:
        kept = []
        for patch in topic.patches:
            finding = fit.look(tree, patch.path)
            findings.append((patch, finding))
            if finding.fit.applies:
                _commit(tree, patch)
                kept.append(patch)
        if kept:
            _change_tests(tree, texts / f"{topic.name}.tests.patch")
        tip = git.run(tree, "rev-parse", "HEAD").strip()
        if kept:
            branches.append(Branch(names[topic.name], Topic(topic.name, tuple(kept)), below, tip))
        below = tip
    stack = Stack(base, tuple(findings), tuple(branches), tree)
    return Stack(base, stack.findings, (), tree) if stack.conflicts else stack


def _commit(tree: Path, patch: Patch) -> None:
    """Commits a patch as the submitter's own work, its message without this project's trailers."""
    git.run(tree, "apply", "--index", str(patch.path.resolve()))
    text = f"{patch.said.subject}\n\n{patch.said.prose}\n"
    # The clone's hooks test and format, at each commit; that is what GATES=1 does once.
    quiet = ("-c", f"core.hooksPath={os.devnull}")
    done = git.as_user(tree, *quiet, "commit", "--quiet", "--file=-", stdin=text.encode())
    if done.returncode:
        raise Failure(f"git commit failed in {tree}: {git.first_line(done.stderr)}")


def _change_tests(tree: Path, tests: Path) -> None:
    """Has upstream's own tests say what a topic's patches mend; sdists, and patches, lack them."""
    if not tests.exists() or git.attempt(tree, "apply", "--index", str(tests.resolve())).returncode:
        return
    quiet = ("-c", f"core.hooksPath={os.devnull}")
    git.as_user(tree, *quiet, "commit", "--quiet", "--amend", "--no-edit")


def sizes(stack: Stack) -> list[tuple[int, int]]:
    """How many rows each branch of a stack adds and takes away."""
    found = []
    for branch in stack.branches:
        rows = git.run(stack.base.clone, "diff", "--numstat", branch.below, branch.tip)
        counts = [row.split("\t")[:2] for row in rows.splitlines()]
        found.append((sum(int(added) for added, _ in counts), sum(int(gone) for _, gone in counts)))
    return found


def check_gates(layout: Layout, stack: Stack) -> None:
    """Run upstream's own gates on the base and on the top of a stack.

    Raises:
        Failure: If they find anything at the top that they do not find at the base.
    """
    with _worktree(stack.base) as before:
        nox = str(Path(sys.executable).with_name("nox"))
        named = (stack.base.release.version, str(before), str(stack.tree))
        command = [nox, "-f", str(layout.root / "noxfile.py"), "-s", "gates", "--", *named]
        if subprocess.run(command, check=False).returncode:
            raise Failure(f"{stack.base.clone}: left as it was: upstream's gates fail, see above")
