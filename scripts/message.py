"""What a patch says: its subject, its reasons, and the trailers that end its message."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scripts import git


@dataclass(frozen=True)
class Message:
    """A patch's message, as `git am` reads it.

    Attributes:
        subject: The first line.
        prose: What follows, without the trailers.
        trailers: The trailers' names and values, in order.
    """

    subject: str
    prose: str
    trailers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """The values of the trailers of a name."""
        return [value for other, value in self.trailers if other == name]


def read(patch: Path) -> Message:
    """Read a patch's message.

    Args:
        patch: The patch file.
    """
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch) / "message"
        arguments = ("mailinfo", "-b", "--encoding=UTF-8", str(text), f"{scratch}/diff")
        headers = git.run(patch.parent, *arguments, stdin=patch.read_bytes())
        body = text.read_text(encoding="utf-8", errors="replace")
    subject = re.search(r"^Subject: (.*)$", headers, re.MULTILINE)
    trailers = _trailers(patch, body)
    prose = body.strip().rpartition("\n\n")[0] if trailers else body.strip()
    return Message(subject[1] if subject else "", prose, trailers)


def _trailers(patch: Path, body: str) -> tuple[tuple[str, str], ...]:
    # Trailers are read after a subject, so one stands in.
    text = f"subject\n\n{body}".encode()
    parsed = git.run(patch.parent, "interpret-trailers", "--parse", stdin=text)
    pairs = (row.partition(":") for row in parsed.splitlines())
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)
