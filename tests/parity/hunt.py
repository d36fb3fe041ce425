"""Looks for differences that are not allowed, and tells each kind once, as small as it can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.parity.generate import THEMES, Theme, programs
from tests.parity.known import kind_of
from tests.parity.pair import Players
from tests.parity.program import Program, shown
from tests.parity.simplify import simplified
from tests.parity.table import Case

# How many programs of a theme are made before those of the next.
EACH = 10


class Hunt:
    """Plays programs, and keeps a report of each kind of difference.

    Args:
        pair: Both trees.
        shrink: How many smaller programs may be tried for a report.
        new: Whether to leave out programs that show what is known.

    Attributes:
        reports: What was found.
        met: At which program each known kind was met first.
        played: How many programs were played.
        differing: How many of them differ.
    """

    def __init__(self, pair: Players, *, shrink: int = 80, new: bool = False) -> None:
        self._pair, self._shrink, self._new = pair, shrink, new
        self._told: set[str] = set()
        self.reports: list[str] = []
        self.met: dict[str, int] = {}
        self.played = self.differing = 0

    def look_at(self, program: Program) -> str:
        """Plays a program; returns a report if there is something new."""
        self.played += 1
        found = self._pair.refused(program)
        self.differing += bool(found)
        kinds = [kind_of(case) for case in found]
        for kind in kinds:
            self.met.setdefault(kind, self.played)
        new = [case for case in found if case.difference.kind not in self._told]
        if not new or (self._new and any(kinds)):
            return ""
        self.reports.append(self._report(program, found, new[0].difference.kind))
        return self.reports[-1]

    def _report(self, program: Program, found: list[Case], kind: str) -> str:
        self._told.add(kind)
        smaller = simplified(program, lambda each: self._shows(each, kind), most=self._shrink)
        again = self._pair.refused(smaller)
        smaller, found = (smaller, again) if again else (program, found)
        self._told.update(each.difference.kind for each in found)
        return "\n".join([_told(smaller), *map(_line, found)])

    def _shows(self, program: Program, kind: str) -> bool:
        return kind in {each.difference.kind for each in self._pair.at_first_sight(program)}


def report(cases: list[Case]) -> str:
    """Tells what differs in one program."""
    return "\n".join([_told(cases[0].program), *map(_line, cases)])


def _told(program: Program) -> str:
    return f"{shown(program)}\n  to replay it: --replay '{program.dumped()}'"


def _line(case: Case) -> str:
    known = kind_of(case)
    return f"{case.difference}" + (f"\n    known as {known}" if known else "")


def made(number: int, start: int) -> Iterator[Program]:
    """Makes programs of every theme, each program once."""
    seen: set[Program] = set()
    for turn in count(start * 1000):
        for theme in THEMES.values():
            for program in _some(theme, turn):
                if program not in seen:
                    seen.add(program)
                    yield program
                if len(seen) >= number:
                    return


def _some(theme: Theme, start: int) -> list[Program]:
    """Has Hypothesis make some programs of a theme."""
    found: list[Program] = []
    run = given(programs(theme))(_collecting(found))
    quiet = settings(
        max_examples=EACH,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    seed(start)(quiet(run))()
    return found


def _collecting(found: list[Program]) -> Callable[[Program], None]:
    def collect(program: Program) -> None:
        found.append(program)

    return collect
