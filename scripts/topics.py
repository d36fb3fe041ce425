"""The topics of a series: patches that follow each other and are reviewed together, as one branch.

Each patch names its topic in the trailer `Topic`, and in `Depends-On` those that must be there
before it; a topic without one stands alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from scripts import message
from scripts.message import Message

# Defects that show one user's data, or a secret, to somebody else.
LEAKS = {"D3", "D9", "D16", "D17", "D20", "D21", "D26", "D27"}


@dataclass(frozen=True)
class Patch:
    """A patch of a series.

    Attributes:
        path: The patch file.
        said: Its message.
    """

    path: Path
    said: Message

    def named(self, trailer: str) -> list[str]:
        """The names that a trailer lists, such as those of defects."""
        return [name for value in self.said.values(trailer) for name in value.split(", ")]

    @property
    def topic(self) -> str:
        """Its topic; empty if it names none."""
        return next(iter(self.said.values("Topic")), "")


@dataclass(frozen=True)
class Topic:
    """Some patches in a row.

    Attributes:
        name: The topic, such as `event-loop`.
        patches: The patches, in order.
    """

    name: str
    patches: tuple[Patch, ...]

    @property
    def needs(self) -> list[str]:
        """The topics that must be there before it."""
        return [name for patch in self.patches for name in patch.named("Depends-On")]

    @property
    def kept_back(self) -> str:
        """Why it is not sent to upstream; empty if it is."""
        said = [value for patch in self.patches for value in patch.said.values("Forwarded")]
        # An older release may need one of its patches only, which upstream does not.
        needed = not said or any(not value.startswith("not-needed") for value in said)
        return "" if needed else said[0]

    @property
    def leaks(self) -> bool:
        """Whether it repairs a leak: upstream then hears of it in private first."""
        return any(LEAKS.intersection(patch.named("Defects")) for patch in self.patches)


def read(patches: Sequence[Path]) -> list[Patch]:
    """Patch files with their messages."""
    return [Patch(path, message.read(path)) for path in patches]


def of(patches: Sequence[Patch]) -> list[Topic]:
    """The topics of a series, in order."""
    grouped = groupby(patches, lambda patch: patch.topic)
    return [Topic(name, tuple(members)) for name, members in grouped]


def problems(topics: Sequence[Topic]) -> Iterator[str]:
    """A text for each topic that no branch can hold, for it comes back or comes too early."""
    names = [topic.name for topic in topics]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"topic {name} is interrupted by another: put its patches in a row or rename one"
    for number, topic in enumerate(topics):
        for need in topic.needs:
            if need not in names[:number]:
                yield f"topic {topic.name} depends on {need}, which does not come before it"
            elif topics[names.index(need)].kept_back and not topic.kept_back:
                yield f"topic {topic.name} depends on {need}, which is not sent"
