"""Lints one patch file by what it says, without applying it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts import git, patchfile
from scripts.message import Message

_FIRST_ROW = f"From {git.ZERO_ID} Mon Sep 17 00:00:00 2001\n".encode()
_SIGNATURE = re.compile(rb"\n-- \n\d+\.\d[^\n]*\n*\Z")
_SUBJECT_LENGTH = 72
_SHORTEST_REASON = 20
_PLACEHOLDER = re.compile(r"\W*(todo|tbd|fixme|xxx|wip|pending|unknown|later|n/?a|none)?\W*", re.I)
_NEVER = re.compile(r"\b(TODO|TBD|FIXME|XXX)\b")
_ODD_HEADERS = {
    "old mode": "changes a file's mode",
    "rename from": "records a rename",
    "copy from": "records a copy",
    "GIT binary patch": "is binary",
    "Binary files": "is binary",
}


@dataclass(frozen=True)
class Rule:
    """What a trailer must look like.

    Attributes:
        name: The trailer.
        shape: The pattern that its whole value fits.
        example: A value to show.
        repeats: Whether it may be there more than once.
        optional: Whether it may be missing.
    """

    name: str
    shape: str
    example: str
    repeats: bool = False
    optional: bool = False


TRAILERS = (
    Rule("Topic", r"[a-z]+(-[a-z]+)*", "event-loop"),
    Rule("Depends-On", r"[a-z-]+(, [a-z-]+)*", "executor, event-loop", optional=True),
    Rule("Defects", r"D[1-9]\d*(, D[1-9]\d*)*", "D1, D13"),
    Rule("Bug", r"https?://\S+|none \((?P<why>.+)\)", "none (why there is none)", repeats=True),
    Rule("Forwarded", r"yes https?://\S+|(no|not-needed) \((?P<why>.+)\)", "no (why not yet)"),
    Rule("Drop-When", r"\S+( \S+){2,}", "upstream does this and that itself"),
)


def lint(patch: Path, said: Message, number: int) -> list[str]:
    """Lint a patch.

    Args:
        patch: The patch file.
        said: Its message.
        number: Its place in the series, counted from 1; its name starts with it.

    Returns:
        One text a problem: what is wrong, and what to do.
    """
    content = patch.read_bytes()
    return [*_name(patch, number), *_bytes(content), *_message(said), *_diffs(content)]


def _name(patch: Path, number: int) -> Iterator[str]:
    if not patch.name.startswith(f"{number:04d}-"):
        yield f"is number {number} of the series: rename it to {number:04d}-…"


def _bytes(content: bytes) -> Iterator[str]:
    if not content.startswith(_FIRST_ROW):
        yield "its first row is not `From` with a zero commit id: export it with refresh-patches"
    if b"\r" in content:
        yield "has carriage returns: keep its line ends LF"
    if not content.endswith(b"\n"):
        yield "its last row has no line end: export it with refresh-patches"
    if _SIGNATURE.search(content):
        yield "ends in git's version: export it with refresh-patches"


def _message(said: Message) -> Iterator[str]:
    if len(said.subject) > _SUBJECT_LENGTH:
        yield f"its subject has {len(said.subject)} characters: {_SUBJECT_LENGTH} are the most"
    for rule in TRAILERS:
        yield from _trailer(rule, said.values(rule.name))
    if len(said.prose) < _SHORTEST_REASON or _NEVER.search(said.prose):
        yield "its message does not say why: write a paragraph before the trailers"


def _trailer(rule: Rule, values: list[str]) -> Iterator[str]:
    wanted = f"write `{rule.name}: {rule.example}`"
    if not values and not rule.optional:
        yield f"has no trailer {rule.name}: {wanted} in the message's last paragraph"
    if len(values) > 1 and not rule.repeats:
        yield f"has {len(values)} trailers {rule.name}: keep one"
    for value in values:
        match = re.fullmatch(rule.shape, value)
        why = match.groupdict().get("why") if match else None
        empty = any(_PLACEHOLDER.fullmatch(text) for text in (value, why) if text is not None)
        if not match or empty or _NEVER.search(value):
            yield f"its trailer {rule.name} says nothing: {value!r}: {wanted}"


def _diffs(content: bytes) -> Iterator[str]:
    found = patchfile.diffs(content)
    if not found:
        yield "changes no file: drop it"
    for diff in found:
        yield from _headers(diff)
        for hunk in diff.hunks:
            added = [row[1:] for row in hunk.rows if row.startswith(b"+")]
            if any(row != row.rstrip(b" \t") for row in added):
                yield f"{diff.path}: adds trailing white space near line {hunk.line}: remove it"


def _headers(diff: patchfile.FileDiff) -> Iterator[str]:
    for start, what in _ODD_HEADERS.items():
        if any(header.startswith(start) for header in diff.headers):
            yield f"{diff.path}: {what}: a patch here changes text only"
    for header in diff.headers:
        if re.fullmatch(r"(new|deleted) file mode (?!100644).*", header):
            yield f"{diff.path}: {header}: only plain files (100644) come and go"
    if any(len(blob) != len(git.ZERO_ID) for blob in diff.blobs):
        yield f"{diff.path}: its index row has no full ids: export it with refresh-patches"
