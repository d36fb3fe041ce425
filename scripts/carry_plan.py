"""Which patches another line gets after an edit of one line: pure thought, no git."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from scripts.change import Change
from scripts.edits import Edit


@dataclass(frozen=True)
class Step:
    """One patch of the line to come.

    Attributes:
        patch: What to apply.
        was: The line's own patch that it stands for; None if it is new there.
        base: What the edited line had, if the diff was edited.
    """

    patch: Change
    was: Change | None
    base: Change | None = None

    @property
    def carried(self) -> bool:
        """Whether it comes from the edited line."""
        return self.patch is not self.was


@dataclass
class Plan:
    """The line to come.

    Attributes:
        own: The line's patches as they are.
        steps: Its patches to come, in order.
        differs: Names of the patches that the edit does not fit, as this line has others there.
        missing: Subjects of edited and dropped patches that it has none of.
    """

    own: Sequence[Change]
    steps: list[Step] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def dropped(self) -> int:
        """How many of its patches go."""
        return len(self.own) - sum(step.was is not None for step in self.steps) - len(self.differs)

    @property
    def reordered(self) -> bool:
        """Whether patches that stay change places."""
        stay = [step.was for step in self.steps if step.was]
        return stay != [one for one in self.own if one in stay]

    @property
    def outdated(self) -> bool:
        """Whether patches that it has are changed or go."""
        return self.dropped > 0 or any(step.carried and step.was for step in self.steps)

    @property
    def anything(self) -> bool:
        """Whether the line changes at all."""
        return any(step.carried for step in self.steps) or self.dropped > 0 or self.reordered


class _Differs(Exception):
    """The line's own patch is another one than the edited line's was."""


def plan(edits: Sequence[Edit], own: Sequence[Change]) -> Plan:
    """Plan what a line becomes when another one was edited.

    Args:
        edits: What was done to the other line's patches, in the new order.
        own: This line's patches.
    """
    made = Plan(own)
    left = {one.subject: one for one in own}
    for edit in edits:
        theirs = _counterpart(edit, left)
        if edit.before and edit.anything and not theirs:
            made.missing.append(edit.before.subject)
        try:
            patch = _patch(edit, theirs)
        except _Differs:
            made.differs.append(theirs.name if theirs else "")
            continue
        base = edit.before if patch is edit.after else None
        made.steps += [Step(patch, theirs, base)] if patch else []
    for one in left.values():
        _put_in(made, one)
    return made


def _counterpart(edit: Edit, left: dict[str, Change]) -> Change | None:
    for known in (edit.before, edit.after):
        if known and known.subject in left:
            return left.pop(known.subject)
    return None


def _patch(edit: Edit, theirs: Change | None) -> Change | None:
    """What the line has for an edited patch; nothing if it has none, or has it no longer."""
    old, new = edit.before, edit.after
    if theirs is None:
        return new if old is None else None
    if not edit.anything:
        return theirs
    if old and new and not edit.diff:
        return _with_message(old, new, theirs)
    if old and theirs.same(old):
        return new
    if new and theirs.same(new):
        return theirs
    raise _Differs


def _with_message(old: Change, new: Change, theirs: Change) -> Change:
    if theirs.message == old.message:
        return replace(theirs, name=new.name, head=new.head)
    if theirs.message == new.message:
        return theirs
    raise _Differs


def _put_in(made: Plan, one: Change) -> None:
    """Keep a patch that only this line has, after the one that it came after."""
    before = made.own[: list(made.own).index(one)]
    places = [at for at, step in enumerate(made.steps, start=1) if step.was in before]
    made.steps.insert(max(places, default=0), Step(one, one))
