"""Brings other lines along when one line was edited: same patch, same change, merged there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scripts import (
    build,
    carry_plan,
    change,
    edits,
    fetch,
    files,
    lock,
    merge,
    parallel,
    replace_line,
    series,
)
from scripts.carry_plan import Plan, Step
from scripts.change import Change
from scripts.errors import Failure
from scripts.layout import Layout
from scripts.lock import Release

MAKE_UP = "CONTRIBUTING.md, `Change a patch`, tells how to make up for it"
_ADVICE = 'to leave a line out, name the others: CARRY="LINE ..."'


@dataclass(frozen=True)
class Carried:
    """What another line becomes.

    Attributes:
        line: The line.
        patches: Its new patches, exported; none if nothing changes.
        text: What was carried, in some words.
        notes: What has to be looked after by hand there.
    """

    line: str
    patches: Sequence[Path]
    text: str
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Source:
    """The edited line.

    Attributes:
        line: The line.
        tree: The tree with the edit; it holds what every file was before and after.
        patches: The patches exported from it.
        scratch: A folder for the patches of other lines.
    """

    line: str
    tree: Path
    patches: Sequence[Path]
    scratch: Path


@dataclass(frozen=True)
class _Job:
    """A line to bring along: its plan, its newest release, and that one's sdist."""

    plan: Plan
    release: Release
    archive: tuple[str, bytes]
    source: Source


def carry(
    layout: Layout,
    locked: Mapping[str, Release],
    source: Source,
    lines: Sequence[str],
    sdists: Path | None,
) -> list[Carried]:
    """Work out what lines become after an edit of another one; nothing in the checkout changes.

    Args:
        layout: The checkout.
        locked: The lock.
        source: The edited line.
        lines: The lines to bring along.
        sdists: A folder of sdists to use instead of cache and index.

    Raises:
        Failure: If the edit does not fit a line, or a tree of one has edits of its own.
    """
    replace_line.check_untouched(layout, [r for r in locked.values() if r.line in lines])
    plans = _plans(layout, source, lines)
    _check(locked, plans)
    newest = {line: locked[lock.newest(locked.values(), line)] for line in lines}
    jobs = [
        _Job(plans[line], release, fetch.locked(release, sdists), source)
        for line, release in newest.items()
        if plans[line].anything
    ]
    done = {made.line: made for made in parallel.each(lambda job: _carried(layout, job), jobs)}
    return [
        replace(
            done.get(line) or Carried(line, (), "unchanged"), notes=_notes(release, plans[line])
        )
        for line, release in newest.items()
    ]


def hints(layout: Layout, locked: Mapping[str, Release], source: Source) -> list[str]:
    """A line of text if other lines have an edited patch as it was, so that it might be carried."""
    others = list(dict.fromkeys(r.line for r in locked.values() if r.line != source.line))
    try:
        plans = _plans(layout, source, others)
    except Failure:
        # A refresh of one line needs no other line to be sound.
        return []
    lines = [line for line, plan in plans.items() if plan.outdated]
    told = f"CARRY=1 would have brought the change to {', '.join(lines)} too: {MAKE_UP}"
    return [told] if lines else []


def _plans(layout: Layout, source: Source, lines: Sequence[str]) -> dict[str, Plan]:
    before = series.read(layout.line(source.line), allow_empty=True)
    done = edits.edits(source.tree, before, source.patches)
    own = {line: map(Change.read, series.read(layout.line(line))) for line in lines}
    return {
        line: carry_plan.plan(done, list(change.by_subject(line, patches).values()))
        for line, patches in own.items()
    }


def _notes(release: Release, plan: Plan) -> list[str]:
    """Lines know a patch by its subject: what a line has under another one is not carried."""
    return [
        f'has no patch "{subject}": if another one stands for it, edit that by hand in '
        f"guardrails/{release.version}"
        for subject in plan.missing
    ]


def _check(locked: Mapping[str, Release], plans: Mapping[str, Plan]) -> None:
    texts = [
        f"patches/{line}/{name}: is another one there, so edit it by hand in "
        f"guardrails/{lock.newest(locked.values(), line)}"
        for line, made in plans.items()
        for name in made.differs
    ]
    if texts:
        raise Failure(f"nothing was changed: {'; '.join(texts)}; {_ADVICE}")


def _carried(layout: Layout, job: _Job) -> Carried:
    line, version = job.release.line, job.release.version
    own = series.read(layout.line(line))
    steps = _written(job.plan.steps, job.source.scratch / "merging" / line)
    place = layout.building(version)
    with build.removed_unless_refused(place):
        built = build.build(place, version, job.archive, own, exact=True)
        left_out = merge.merge(built, version, steps, job.source.tree / ".git" / "objects")
        patches = build.exported(place, built.base, job.source.scratch / "carried" / line)
        files.remove(place)
    made = [step for path, step in steps.items() if path not in left_out]
    notes = [
        f"left out {path.name}, whose change {version} has already" for path in left_out
    ] + _odd(made, patches)
    text = ", ".join([*_counted(job.plan, made), *notes])
    if replace_line.same(layout.line(line), patches):
        return Carried(line, (), f"unchanged, {text}")
    return Carried(line, patches, text)


def _counted(plan: Plan, made: Sequence[Step]) -> list[str]:
    carried = sum(step.carried for step in made)
    return [
        "1 patch carried" if carried == 1 else f"{carried} patches carried",
        f"{len(made) - carried} kept",
        *([f"{plan.dropped} dropped"] if plan.dropped else []),
        *(["reordered"] if plan.reordered else []),
    ]


def _odd(made: Sequence[Step], patches: Sequence[Path]) -> list[str]:
    """A merge may take less than there was, or put it otherwise, without a conflict."""
    pairs = zip(made, patches, strict=True)
    odd = [path.name for step, path in pairs if step.patch.rows != Change.read(path).rows]
    return [f"merged into another diff, so look at {', '.join(odd)}"] if odd else []


def _written(steps: Sequence[Step], folder: Path) -> dict[Path, Step]:
    folder.mkdir(parents=True)
    made = {}
    for number, step in enumerate(steps, start=1):
        path = folder / f"{number:04d}{step.patch.name[4:]}"
        path.write_bytes(step.patch.content)
        made[path] = step
    return made
