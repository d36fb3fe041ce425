"""What differs between what was observed on one tree and on the other."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Observation = dict[str, Any]
# Times that differ by less are the same.
TOLERANCE = 0.05
NOTHING = "nothing"


@dataclass(frozen=True)
class Difference:
    """Something that was observed on one tree and not on the other.

    Attributes:
        where: Who noted it, or what was looked at.
        published: What it was on the published tree.
        patched: What it was on the patched tree.
    """

    where: str
    published: str
    patched: str

    @property
    def kind(self) -> str:
        """What it has in common with others of its kind."""
        return re.sub(r"\d+(\.\d+)?", "N", f"{self.where}: {self.published} -> {self.patched}")

    def __str__(self) -> str:
        return f"{self.where}\n    published: {self.published}\n    patched:   {self.patched}"


def differences(published: Observation, patched: Observation) -> list[Difference]:
    """Compares two observations of the same program."""
    logs = [observed.get("log", []) for observed in (published, patched)]
    found = [*_by_actor(*logs)]
    if not found:
        found += _order(*logs)
    for name in sorted({*published, *patched} - {"log"}):
        found += _facts(name, published.get(name, []), patched.get(name, []))
    return found


def _by_actor(published: list[Any], patched: list[Any]) -> Iterator[Difference]:
    for who in sorted({entry[1] for entry in (*published, *patched)}):
        one, other = ([entry for entry in log if entry[1] == who] for log in (published, patched))
        yield from _lines(who, [entry[2] for entry in one], [entry[2] for entry in other])
        yield from _times(who, one, other)


def _lines(where: str, published: list[str], patched: list[str]) -> Iterator[Difference]:
    keys = ([*map(_key, lines)] for lines in (published, patched))
    matched = difflib.SequenceMatcher(None, next(keys), next(keys), autojunk=False)
    for kind, start, end, other_start, other_end in matched.get_opcodes():
        one, other = published[start:end], patched[other_start:other_end]
        if kind != "equal":
            yield Difference(where, _joined(one), _joined(other))
            continue
        for both in zip(one, other, strict=True):
            if both[0] != both[1]:
                yield Difference(where, *both)


# What somebody sees of one and the same thing.
_LOOK = re.compile(r"(sees \w|counts with|current span|runs on)\b.*")


def _key(line: str) -> str:
    return _LOOK.sub(r"\1", line)


def _joined(lines: list[str]) -> str:
    return " | ".join(lines) or NOTHING


def _times(who: str, published: list[Any], patched: list[Any]) -> Iterator[Difference]:
    if [entry[2] for entry in published] != [entry[2] for entry in patched]:
        return
    for (one, _, what), (other, _, _) in zip(published, patched, strict=True):
        if abs(one - other) > TOLERANCE:
            when = (f"after {time:.1f} s: {what}" for time in (one, other))
            yield Difference(f"{who}, when", *when)
            return


def _order(published: list[Any], patched: list[Any]) -> Iterator[Difference]:
    one, other = ([tuple(entry[1:]) for entry in sorted(log)] for log in (published, patched))
    for at, (before, now) in enumerate(zip(one, other, strict=True)):
        if before != now:
            both = ([" ".join(each) for each in log[at : at + 2]] for log in (one, other))
            yield Difference("order", *map(_joined, both))
            return


def _facts(name: str, published: list[str], patched: list[str]) -> Iterator[Difference]:
    one, other = Counter(published), Counter(patched)
    yield from (Difference(name, line, NOTHING) for line in (one - other).elements())
    yield from (Difference(name, NOTHING, line) for line in (other - one).elements())
