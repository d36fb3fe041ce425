"""Merges patches into a release other than the one that they were made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from scripts import build, git, threeway
from scripts.carry_plan import Step
from scripts.change import Change
from scripts.errors import PatchFailure
from scripts.patchfile import FileDiff


def merge(
    built: build.Built, version: str, steps: Mapping[Path, Step], objects: Path
) -> list[Path]:
    """Give a tree other patches, three-way: only for a refresh, never to apply.

    Args:
        built: The tree; its commits go, but what the files were in them is still at hand.
        version: Its release.
        steps: The patches in order, with what each one stands for.
        objects: The git object folder of the tree that they come from.

    Returns:
        The patches that made no commit, as the release has their change already.

    Raises:
        PatchFailure: If a patch does not merge.
    """
    git.run(built.folder, "reset", "-q", "--hard", built.base)
    alternates = built.folder / ".git" / "objects" / "info" / "alternates"
    alternates.write_text(f"{objects.resolve()}\n")
    return [path for path, step in steps.items() if not _commits(built.folder, version, path, step)]


def _commits(folder: Path, version: str, path: Path, step: Step) -> bool:
    head = git.run(folder, "rev-parse", "HEAD")
    why = _refused(folder, version, path)
    if why and step.was and step.base:
        # Around the patch the two lines differ too much. Around what was edited in it they may not.
        git.run(folder, "am", "--abort")
        path.write_bytes(replace(step.was, head=step.patch.head).content)
        why = _refused(folder, version, path) or _edit(folder, version, step.base, step.patch)
    if why:
        raise PatchFailure(f"patches/{path.parent.name}/{path.name}: {why}", folder)
    return git.run(folder, "rev-parse", "HEAD") != head


def _refused(folder: Path, version: str, path: Path) -> str:
    done = git.attempt(folder, *build.AM, "--3way", "--", str(path.resolve()))
    if not done.returncode:
        return ""
    files = git.run(folder, "diff", "--name-only", "--diff-filter=U").splitlines()
    if files:
        return f"conflicts in {version}: {', '.join(files)}"
    return build.where(version, path, done.stderr.decode("utf-8", "replace"))


def _edit(folder: Path, version: str, old: Change, new: Change) -> str:
    """Bring what was edited in a patch into the commit of the line's own patch."""
    was, now = ({file.path: file for file in one.files} for one in (old, new))
    conflicts = []
    for path in sorted({*was, *now}):
        try:
            _edit_file(folder, path, was.get(path), now.get(path))
        except threeway.Conflict as conflict:
            _write(folder / path, conflict.marked)
            conflicts.append(path)
    if conflicts:
        return f"conflicts in {version}: {', '.join(conflicts)}"
    git.run(folder, "add", "-A", "-f")
    git.run(folder, "commit", "-q", "--amend", "--no-edit", "--no-verify", "--allow-empty")
    return ""


def _edit_file(folder: Path, path: str, was: FileDiff | None, now: FileDiff | None) -> None:
    place = folder / path
    ours = place.read_bytes() if place.exists() else None
    base, theirs = _sides(folder, was, now)
    _write(place, threeway.merge(folder, ours, base, theirs))


def _sides(
    folder: Path, was: FileDiff | None, now: FileDiff | None
) -> tuple[bytes | None, bytes | None]:
    """What a file is after the patch as it was and as it is, both on what it is before it now."""
    blobs = [blob for file in (was, now) if file for blob in file.blobs]
    texts = [threeway.content(folder, blob) for blob in blobs]
    if was and now:
        old_before, old_after, before, after = texts
        return threeway.merge(folder, before, old_before, old_after), after
    before, after = texts
    return (before, after) if now else (after, before)


def _write(place: Path, text: bytes | None) -> None:
    if text is None:
        place.unlink(missing_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text)
