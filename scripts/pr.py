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
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import dropwhile
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
# What a branch's log says of it: one that says nothing else was changed by nobody.
_MADE = "make pr"


@dataclass(frozen=True)
class Base:
    """What the clone has checked out.

    Attributes:
        clone: The clone's top folder.
        commit: The commit.
        version: The release that its pyproject.toml names.
        release: The locked release whose patches are applied: the newest that it comes from.
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
        findings: How each patch fits, in order; those that are not sent are not tried.
        branches: The branches, in the order of the series; none if a patch conflicts.
        ways: For each topic with a conflict, the git commands that go on from there.
        kept_back: The topics that are not sent.
    """

    base: Base
    findings: tuple[tuple[Patch, Finding], ...]
    branches: tuple[Branch, ...]
    ways: tuple[str, ...]
    kept_back: tuple[Topic, ...]

    @property
    def conflicts(self) -> list[tuple[Patch, Finding]]:
        """The patches that conflict."""
        return [each for each in self.findings if each[1].fit is Fit.CONFLICT]


@dataclass(frozen=True)
class _Step:
    """A patch, how it fits, and the commit that it was put on."""

    patch: Patch
    finding: Finding
    before: str


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
    with _worktree(base.clone, base.commit) as tree:
        yield _applied(tree, base, dict(zip(patches, commits, strict=True)), layout.root / "pr")


def create(stack: Stack) -> None:
    """Make the branches of a stack, all of them or none.

    Raises:
        Failure: If a branch has come to be there in the meantime.
    """
    clone, rows = stack.base.clone, []
    for branch in stack.branches:
        ref = f"refs/heads/{branch.name}"
        known = git.attempt(clone, "rev-parse", "--verify", "--quiet", ref).stdout.decode().strip()
        known = known if _is_ours(clone, ref) else git.ZERO_ID
        rows.append(f"update {ref} {branch.tip} {known}\n")
    noted = ("update-ref", "-m", _MADE, "--create-reflog", "--stdin")
    done = git.as_user(clone, *noted, stdin="".join(rows).encode())
    if done.returncode:
        raise Failure(f"{clone}: left as it was: {git.first_line(done.stderr)}")


def _is_ours(clone: Path, ref: str) -> bool:
    """Whether a branch was made here, and nobody has changed it since."""
    log = git.attempt(clone, "reflog", "show", "--format=%gs", ref, "--").stdout.decode()
    return set(log.splitlines()) == {_MADE}


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
    tags = git.run(clone, "tag", "--list", "v*", "--merged", "HEAD").split()
    tagged = [each for each in locked if f"v{each}" in tags]
    # A clone can lack the tags: a fork's, for one.
    before = [each for each in locked if lock.order(each) <= lock.order(final[0])]
    if not (tagged or before):
        raise Failure(
            f"{clone}: its release {version} is not known: check out main or one of "
            f"{', '.join(locked)}"
        )
    known, commit = (tagged or before)[-1], head.stdout.decode().strip()
    history = f"refs/tags/v{known}..{commit}" if tagged else commit
    return Base(clone, commit, version, locked[known], history)


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
    asked = ("for-each-ref", "--format=%(refname:lstrip=2) %(worktreepath)", "refs/heads")
    there = dict(row.split(" ", 1) for row in git.run(clone, *asked).splitlines())
    folder = PREFIX.rstrip("/")
    if folder in there:
        raise Failure(
            f"{clone}: has a branch {folder}, and git cannot have {PREFIX}{names[0]} beside it: "
            f"`git branch -m {folder} …` first"
        )
    for branch in (f"{PREFIX}{name}" for name in names):
        if branch not in there:
            continue
        ours = _is_ours(clone, f"refs/heads/{branch}")
        if there[branch]:
            raise Failure(f"{clone}: {branch} is checked out in {there[branch]}: leave it first")
        if not (ours and replace):
            what = "REPLACE=1 makes it anew" if ours else "rename or delete it first"
            raise Failure(f"{clone}: has a branch {branch} already: {what}")


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
def _worktree(clone: Path, commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pr-") as scratch:
        tree = Path(scratch).resolve() / "tree"
        git.run(clone, "worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            git.attempt(clone, "worktree", "remove", "--force", str(tree))


def _applied(tree: Path, base: Base, commits: Mapping[Patch, str], texts: Path) -> Stack:
    there = fit.upstreams(tree, list(commits.values()))
    found = topics.of(list(commits))
    steps: list[_Step] = []
    branches: list[Branch] = []
    ways: list[str] = []
    # By topic, the commits of its branch; and those with a conflict, or on top of one.
    made: dict[str, list[str]] = {}
    torn: set[str] = set()
    for topic in (each for each in found if not each.kept_back):
        below = _start(tree, base, made, topic)
        done = [_put(tree, base, patch, commits[patch], there) for patch in topic.patches]
        steps += done
        kept = tuple(step.patch for step in done if step.finding.fit is not Fit.UPSTREAM)
        if kept:
            _change_tests(tree, texts / f"{topic.name}.tests.patch")
        tip = git.run(tree, "rev-parse", "HEAD").strip()
        made[topic.name] = git.run(tree, "rev-list", "--reverse", f"{below}..{tip}").split()
        if kept:
            branches.append(Branch(PREFIX + topic.name, Topic(topic.name, kept), below, tip))
        left = list(dropwhile(lambda step: step.finding.fit is not Fit.CONFLICT, done))
        if left and not torn.intersection(topic.needs):
            ways.append(_way(base.clone, topic, left, commits))
        if left or torn.intersection(topic.needs):
            torn.add(topic.name)
    findings = tuple((step.patch, step.finding) for step in steps)
    kept_back = tuple(topic for topic in found if topic.kept_back)
    return Stack(base, findings, () if torn else tuple(branches), tuple(ways), kept_back)


def _put(tree: Path, base: Base, patch: Patch, commit: str, there: Collection[str]) -> _Step:
    """Puts a patch on what is checked out, unless upstream has it."""
    before = git.run(tree, "rev-parse", "HEAD").strip()
    finding = Finding(Fit.UPSTREAM)
    if commit not in there:
        finding = fit.put(tree, patch.path, commit, base.history)
    if finding.fit is not Fit.UPSTREAM:
        _commit(tree, patch)
    return _Step(patch, finding, before)


def _start(tree: Path, base: Base, made: Mapping[str, list[str]], topic: Topic) -> str:
    """Checks out what a topic starts from: the base, with what it depends on."""
    needs = [name for name in made if name in topic.needs and made[name]]
    # Each branch has what it needs itself: the last one has the most.
    start = made[needs[-1]][-1] if needs else base.commit
    git.run(tree, "checkout", "--quiet", "--detach", start)
    for name in needs[:-1]:
        for commit in made[name]:
            if git.as_user(tree, *_QUIET, "cherry-pick", commit).returncode:
                raise Failure(
                    f"{base.clone}: {PREFIX}{name} and {PREFIX}{needs[-1]} do not go together, "
                    f"and {topic.name} needs both: make one depend on the other"
                )
    return git.run(tree, "rev-parse", "HEAD").strip()


def _way(clone: Path, topic: Topic, left: Sequence[_Step], commits: Mapping[Patch, str]) -> str:
    """The commands that make a branch by hand from where its first conflict is."""
    there = f"git -C {clone}"
    picked = " ".join(_as_users(clone, step.patch, commits[step.patch])[:12] for step in left)
    return (
        f"{there} switch -c {PREFIX}{topic.name} {left[0].before[:12]}\n"
        f"{there} cherry-pick {picked}\n"
        f"# mend what `{there} status` names, then\n"
        f"{there} add -A && {there} cherry-pick --continue"
    )


def _as_users(clone: Path, patch: Patch, commit: str) -> str:
    """A patch's commit in the series as the submitter's own; no ref leads to it."""
    command = ("commit-tree", f"{commit}^{{tree}}", "-p", f"{commit}^")
    done = git.as_user(clone, *command, stdin=_message(patch).encode())
    return done.stdout.decode().strip()


def _message(patch: Patch) -> str:
    """A patch's message without this project's trailers."""
    return f"{patch.said.subject}\n\n{patch.said.prose}\n"


# The clone's hooks test and format, at each commit; that is what GATES=1 does once.
_QUIET = ("-c", f"core.hooksPath={os.devnull}")


def _commit(tree: Path, patch: Patch) -> None:
    """Commits a patch as the submitter's own work."""
    how = ("commit", "--quiet", "--allow-empty", "--file=-")
    done = git.as_user(tree, *_QUIET, *how, stdin=_message(patch).encode())
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
    """Run upstream's own gates on the base, and on each branch.

    Raises:
        Failure: If they find anything on a branch that they do not find at the base.
    """
    with _worktree(stack.base.clone, stack.base.commit) as tree:
        nox = str(Path(sys.executable).with_name("nox"))
        branches = [f"{branch.name}={branch.tip}" for branch in stack.branches]
        named = (stack.base.release.version, str(tree), f"base={stack.base.commit}", *branches)
        command = [nox, "-f", str(layout.root / "noxfile.py"), "-s", "gates", "--", *named]
        if subprocess.run(command, check=False).returncode:
            raise Failure(f"{stack.base.clone}: left as it was: upstream's gates fail, see above")
