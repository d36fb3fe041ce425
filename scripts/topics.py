"""The topics of a series: patches that follow each other and are reviewed together, as one branch.

Each patch names its topic in the trailer `Topic`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from scripts import message
from scripts.message import Message

TRAILER = "Topic"


@dataclass(frozen=True)
class Patch:
    """A patch of a series.

    Attributes:
        path: The patch file.
        said: Its message.
    """

    path: Path
    said: Message

    @property
    def topic(self) -> str:
        """Its topic; empty if it names none."""
        return next(iter(self.said.values(TRAILER)), "")


@dataclass(frozen=True)
class Topic:
    """Some patches in a row.

    Attributes:
        name: The topic, such as `event-loop`.
        patches: The patches, in order.
    """

    name: str
    patches: tuple[Patch, ...]


def read(patches: Sequence[Path]) -> list[Patch]:
    """Patch files with their messages."""
    return [Patch(path, message.read(path)) for path in patches]


def of(patches: Sequence[Patch]) -> list[Topic]:
    """The topics of a series, in order."""
    grouped = groupby(patches, lambda patch: patch.topic)
    return [Topic(name, tuple(members)) for name, members in grouped]


def problems(topics: Sequence[Topic]) -> Iterator[str]:
    """A text for each topic that comes back after another one: no branch can hold it."""
    names = [topic.name for topic in topics]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"topic {name} is interrupted by another: put its patches in a row or rename one"
