"""Builds one patched tree from an sdist and a series, the same on every machine.

A tree is a git repository of its own: a commit with the sdist as published, tagged `upstream`, and
on the branch `context` one commit a patch, the last of them tagged `exported`.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import files, git, patchfile, sdist, series
from scripts.errors import Failure, PatchFailure

EXPORTED = "exported"

# Raise it when a change here makes other commits from the same input: trees are then rebuilt.
FORMAT = 2

# What building or importing the package leaves behind is no edit of the tree.
_EXCLUDE = "__pycache__/\n*.py[co]\n*.egg-info/\nbuild/\ndist/\n"
# An attribute file in the sdist must not change what is committed.
_ATTRIBUTES = "* -text -ident -filter -working-tree-encoding !diff !whitespace\n"

# What git says of a diff that it cannot apply; it stops for other reasons too.
_NO_FIT = re.compile(r"^error: (patch failed: |.+: (does not exist|already exists))", re.MULTILINE)

_FULL = os.strerror(errno.ENOSPC)

_MAIL = ("--keep-non-patch", "--keep-cr", "--no-scissors", "--no-gpg-sign")
AM = ("am", *_MAIL, "--committer-date-is-author-date", "--whitespace=error", "-q")


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
    folder: Path,
    version: str,
    archive: tuple[str, bytes],
    patches: Sequence[Path],
    exact: Collection[Path] = (),
) -> Built:
    """Build a release's tree in a folder of its own.

    Args:
        folder: The folder to make; what is there goes. It stays when a patch does not apply and is
            removed after any other failure.
        version: The release.
        archive: The sdist's file name and its verified content.
        patches: The patches, in order.
        exact: Those patches for which every file must be byte for byte what the patch was made
            from. A hunk of the others may sit at another line, though never in other context.

    Raises:
        PatchFailure: If a patch does not apply.
        Failure: If the sdist is refused.
    """
    files.remove(folder)
    try:
        base = _pristine(folder, version, archive)
        _apply(folder, version, patches)
        _check_exact(folder, version, base, patches, exact)
        git.run(folder, "tag", EXPORTED)
        head, tree = git.run(folder, "rev-parse", "HEAD", "HEAD^{tree}").split()
    except PatchFailure:
        raise
    except BaseException:
        files.remove(folder)
        raise
    return Built(folder, base, head, tree)


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
    done = git.attempt(folder, *AM, "--no-3way", "--", *paths)
    if done.returncode:
        stderr = done.stderr.decode("utf-8", "replace")
        if _FULL in stderr:
            # No patch is to blame, and what is there of the tree keeps the disk full.
            raise Failure(f"{version}: {_FULL}: make room in {folder.parent}")
        patch = stopped_at(folder, patches)
        already = _NO_FIT.search(stderr) and _already(folder, version, patch)
        what = already or where(version, patch, stderr)
        raise PatchFailure(f"{series.shown(patch)}: {what}", folder, version)


def stopped_at(folder: Path, patches: Sequence[Path]) -> Path:
    """The patch at which `git am` stopped in a tree."""
    state = folder / ".git" / "rebase-apply" / "next"
    number = int(state.read_text()) if state.exists() else 1
    return patches[number - 1]


def _already(folder: Path, version: str, patch: Path) -> str:
    reverse = git.attempt(folder, "apply", "--check", "--reverse", str(patch.resolve()))
    return "" if reverse.returncode else f"{version} has this change already: drop the patch"


def where(version: str, patch: Path, stderr: str) -> str:
    """Where a patch stopped, from what `git am` said."""
    return f"does not apply to {version}: {refusal(patch, stderr)}"


def refusal(patch: Path, stderr: str) -> str:
    """Which place of a patch git refused, from what it said."""
    if match := re.search(r"^error: patch failed: (.+):(\d+)$", stderr, re.MULTILINE):
        path, line = match[1], int(match[2])
        return f"{path}: hunk {patchfile.hunk_number(patch, path, line)} (line {line})"
    if match := re.search(r"^error: (.+): (does not exist|already exists)", stderr, re.MULTILINE):
        return f"{match[1]}: {match[2]} in the tree"
    if match := re.search(r":(\d+): (.*whitespace|new blank line at EOF|.*indent.*)", stderr):
        return f"row {match[1]} of the diff adds a white-space error: {match[2]}"
    return git.first_line(stderr.encode())


def _check_exact(
    folder: Path, version: str, base: str, patches: Sequence[Path], exact: Collection[Path]
) -> None:
    commits = _before(folder, f"{base}..HEAD")
    if len(commits) != len(patches):
        raise Failure(f"{version}: {len(patches)} patches made {len(commits)} commits: one each")
    for patch, before in zip(patches, commits, strict=True):
        for diff in patchfile.diffs(patch.read_bytes()) if patch in exact else ():
            if diff.blobs[0] != before.get(diff.path):
                raise PatchFailure(
                    f"{series.shown(patch)}: applies to {version} only with an offset: "
                    f"{diff.path}: {_first_hunk(diff)}: it was made from another version of this "
                    "file",
                    folder,
                    version,
                )


def _first_hunk(diff: patchfile.FileDiff) -> str:
    return f"hunk 1 (line {diff.hunks[0].line})" if diff.hunks else "no hunk"


def _before(folder: Path, commits: str) -> list[dict[str, str]]:
    """For each of some commits, the blob that every changed file had before it."""
    raw = ("log", "--reverse", "--format=tformat:commit", "--raw", "--no-abbrev", "--no-renames")
    found: list[dict[str, str]] = []
    for row in git.run(folder, *raw, commits).splitlines():
        if row == "commit":
            found.append({})
        elif row:
            meta, path = row.split("\t", 1)
            found[-1][path] = meta.split()[2]
    return found


def exported(folder: Path, commits: str, output: Path) -> list[Path]:
    """Export commits as patch files.

    Every setting that git could take from elsewhere is given, so that an export of an unchanged
    tree is byte for byte the series it was built from.

    Args:
        folder: The tree.
        commits: The range of commits, such as `upstream..HEAD`.
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
    _check_filled(folder, commits)
    output.mkdir(parents=True)
    git.run(folder, "format-patch", *options, "-o", str(output.resolve()), commits)
    return sorted(output.glob("*.patch"))


def unlike(
    patches: Sequence[Path], again: Sequence[Path], exact: Collection[Path]
) -> Iterator[tuple[Path, Path]]:
    """The patches of a tree that are not what its export says, each with that.

    An exact one is the same byte for byte, the others but for where their hunks sit.
    """
    for patch, other in zip(patches, again, strict=True):
        old, new = patch.read_bytes(), other.read_bytes()
        mails = [patchfile.halves(content)[0] for content in (old, new)]
        named = patch.name.partition("-")[2] == other.name.partition("-")[2]
        same = old == new or (patch not in exact and patchfile.alike(old, new))
        if not named or not same or mails[0] != mails[1]:
            yield patch, other


def _check_filled(folder: Path, commits: str) -> None:
    subjects = git.run(folder, "log", "--reverse", "--format=%s", commits).splitlines()
    for subject, before in zip(subjects, _before(folder, commits), strict=True):
        if not before:
            raise Failure(
                f"{folder.name}: commit {subject!r} is empty (upstream may have its change "
                "already): drop it with `git rebase -i upstream`"
            )
