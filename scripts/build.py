"""Builds one patched tree from an sdist and a series, the same on every machine.

A tree is a git repository of its own: a commit with the sdist as published, tagged `upstream`, and
on the branch `context` one commit a patch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import files, git, patchfile, sdist
from scripts.errors import Failure, PatchFailure

# Raise it when a change here makes other trees from the same input: they are then rebuilt.
FORMAT = 1

# What building or importing the package leaves behind is no edit of the tree.
_EXCLUDE = "__pycache__/\n*.py[co]\n*.egg-info/\nbuild/\ndist/\n"
# An attribute file in the sdist must not change what is committed.
_ATTRIBUTES = "* -text -ident -filter -working-tree-encoding !diff !whitespace\n"

_AM = ("am", "--keep-non-patch", "--keep-cr", "--no-scissors", "--no-3way", "--no-gpg-sign")
_AM_DATES = ("--committer-date-is-author-date", "--whitespace=error")


@dataclass(frozen=True)
class Built:
    """A whole tree.

    Attributes:
        folder: Where it is.
        base: The commit of the sdist as published.
        head: The commit of the last patch.
        tree: The git tree id of `head`.
    """

    folder: Path
    base: str
    head: str
    tree: str


def build(
    folder: Path, version: str, archive: tuple[str, bytes], patches: Sequence[Path], *, exact: bool
) -> Built:
    """Build a release's tree in a folder of its own.

    Args:
        folder: The folder to make; what is there goes. It stays when a patch does not apply and is
            removed after any other failure.
        version: The release.
        archive: The sdist's file name and its verified content.
        patches: The patches, in order.
        exact: Whether every file must be byte for byte what the patch was made from. Otherwise a
            hunk may sit at another line, though never in other context.

    Raises:
        PatchFailure: If a patch does not apply.
        Failure: If the sdist is refused.
    """
    files.remove(folder)
    try:
        base = _pristine(folder, version, archive)
        _apply(folder, version, patches)
        if exact:
            _check_exact(folder, version, base, patches)
        head = git.run(folder, "rev-parse", "HEAD", "HEAD^{tree}").split()
    except PatchFailure:
        raise
    except BaseException:
        files.remove(folder)
        raise
    return Built(folder, base, head[0], head[1])


def _pristine(folder: Path, version: str, archive: tuple[str, bytes]) -> str:
    folder.mkdir(parents=True)
    name, content = archive
    sdist.unpack(content, name, folder)
    git.run(folder, "init", "-q", "--template=", "--object-format=sha1", "--initial-branch=context")
    info = folder / ".git" / "info"
    info.mkdir()
    (info / "exclude").write_text(_EXCLUDE)
    (info / "attributes").write_text(_ATTRIBUTES)
    git.run(folder, "add", "-A", "-f")
    git.run(folder, "commit", "-q", "--no-verify", "-m", f"guardrails-ai {version}, as published")
    git.run(folder, "tag", "upstream")
    return git.run(folder, "rev-parse", "HEAD").strip()


def _apply(folder: Path, version: str, patches: Sequence[Path]) -> None:
    if not patches:
        return
    paths = [str(patch.resolve()) for patch in patches]
    done = git.attempt(folder, *_AM, *_AM_DATES, "-q", "--", *paths)
    if done.returncode:
        raise PatchFailure(_refusal(folder, version, patches, done.stderr.decode(errors="replace")))


def _refusal(folder: Path, version: str, patches: Sequence[Path], stderr: str) -> str:
    patch = _stopped_at(folder, patches)
    if patch is None:
        return f"{version}: git am: {git.first_line(stderr.encode())}; half-built tree: {folder}"
    what = _already(folder, patch) or _where(patch, stderr)
    return f"{version}: {patch.parent.name}/{patch.name}: {what}; half-built tree: {folder}"


def _stopped_at(folder: Path, patches: Sequence[Path]) -> Path | None:
    state = folder / ".git" / "rebase-apply" / "next"
    number = int(state.read_text()) if state.exists() else 0
    return patches[number - 1] if 0 < number <= len(patches) else None


def _already(folder: Path, patch: Path) -> str:
    reverse = git.attempt(folder, "apply", "--check", "--reverse", str(patch.resolve()))
    if reverse.returncode:
        return ""
    return "does not apply: upstream already has this change: drop the patch"


def _where(patch: Path, stderr: str) -> str:
    if match := re.search(r"^error: patch failed: (.+):(\d+)$", stderr, re.MULTILINE):
        path, line = match[1], int(match[2])
        return (
            f"does not apply: {path}: hunk {patchfile.hunk_number(patch, path, line)} (line {line})"
        )
    if match := re.search(r"^error: (.+): (does not exist|already exists)", stderr, re.MULTILINE):
        return f"does not apply: {match[1]}: {match[2]} in the tree"
    if match := re.search(r":(\d+): (.*whitespace.*|new blank line at EOF.*)", stderr):
        return f"adds a white-space error: {match[2].rstrip('.')} (row {match[1]} of the patch)"
    return f"does not apply: {git.first_line(stderr.encode())}"


def _check_exact(folder: Path, version: str, base: str, patches: Sequence[Path]) -> None:
    for patch, applied in zip(patches, _applied(folder, base), strict=True):
        for diff in patchfile.diffs(patch.read_bytes()):
            made_from, applied_to = diff.blobs[0], applied.get(diff.path, "")
            if made_from != applied_to:
                hunk = f"{diff.path}: hunk 1 (line {diff.hunks[0].line if diff.hunks else 0})"
                raise PatchFailure(
                    f"{version}: {patch.parent.name}/{patch.name}: applies only with an offset: "
                    f"{hunk}: the file is not the one that the patch was made from; "
                    f"half-built tree: {folder}"
                )


def _applied(folder: Path, base: str) -> list[dict[str, str]]:
    """For each commit after the base, the blob that every changed file had before it."""
    raw = ("log", "--reverse", "--format=tformat:commit", "--raw", "--no-abbrev", "--no-renames")
    commits: list[dict[str, str]] = []
    for row in git.run(folder, *raw, f"{base}..HEAD").splitlines():
        if row == "commit":
            commits.append({})
        elif row:
            meta, path = row.split("\t", 1)
            commits[-1][path] = meta.split()[2]
    return commits


def exported(folder: Path, base: str, output: Path) -> list[Path]:
    """Export the commits after the base as patch files.

    Every setting that git could take from elsewhere is given, so that an export of an unchanged
    tree is byte for byte the series it was built from.

    Args:
        folder: The tree.
        base: The commit of the sdist as published.
        output: The folder for the patches. It is made.

    Raises:
        Failure: If a commit has no change.
    """
    shape = ("--zero-commit", "--full-index", "--no-signature", "--no-stat", "--no-numbered")
    mail = ("--subject-prefix=PATCH", "--no-encode-email-headers", "--no-attach", "--no-thread")
    extra = ("--no-to", "--no-cc", "--no-from", "--no-base", "--no-notes", "--no-cover-letter")
    diff = ("--no-renames", "--diff-algorithm=histogram", "--indent-heuristic", "--unified=3")
    plain = ("--no-ext-diff", "--no-textconv", "--no-relative", "--no-color", "--binary")
    prefix = ("--src-prefix=a/", "--dst-prefix=b/", "--inter-hunk-context=0", "--suffix=.patch")
    options = (*shape, *mail, *extra, *diff, *plain, *prefix, "-q")
    output.mkdir(parents=True)
    git.run(folder, "format-patch", *options, "-o", str(output.resolve()), f"{base}..HEAD")
    patches = sorted(output.glob("*.patch"))
    commits = git.run(folder, "rev-list", f"{base}..HEAD").split()
    if len(patches) != len(commits):
        raise Failure(f"{folder}: a commit is empty: drop it with `git rebase -i upstream`")
    return patches
