"""Reads the tables and sections of the pages that this project writes itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.errors import Failure

_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)


def section(page: Path, heading: str) -> str:
    """The text below a heading, up to the next one.

    Raises:
        Failure: If the page has no such heading.
    """
    text = page.read_text(encoding="utf-8")
    headings = list(_HEADING.finditer(text))
    for found, after in zip(headings, [*headings[1:], None], strict=True):
        if found[2] == heading:
            return text[found.end() : after.start() if after else None].strip()
    raise Failure(f"{page}: has no section `{heading}`")


def table(page: Path, heading: str) -> dict[str, dict[str, str]]:
    """The first table below a heading: by the first cell of each row its cells by column."""
    rows = list(_rows(section(page, heading)))
    columns, *body = rows or [[]]
    return {row[0]: dict(zip(columns, row, strict=True)) for row in body[1:]}


def _rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]
