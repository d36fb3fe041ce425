"""The scoreboard, read from its own page, as HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from demo.markdown import table
from demo.markup import Markup, element, join
from demo.tables import Cell, region
from scripts.errors import Failure, reason

BOARD = Path("docs/scoreboard.md")
DEFECTS = Path("docs/defects.md")
# The row of the table by defect that says how many cells there are.
_ALL = "cells"
_CODE = re.compile(r"`([^`]+)`")
_Table = Mapping[str, Mapping[str, str]]


def scoreboard(board: Path = BOARD, page: Path = DEFECTS) -> Markup:
    """Every release, as published and patched; then the published ones by defect.

    Raises:
        Failure: If what is shown here is not where it is read from.
    """
    try:
        releases, defects = table(board, "Releases"), table(board, "Defects")
        mended, measured = table(page, "What is mended"), table(board, "Measured on")
        return join([*_by_release(releases), *_by_defect(defects, mended), _versions(measured)])
    except OSError as error:
        raise Failure(reason(error)) from None
    except (KeyError, ValueError) as error:
        raise Failure(f"{board}, {page}: a table has changed: {error!r}") from None


def _by_release(releases: _Table) -> Iterator[Markup]:
    head = ("release", _ALL, "broken as published", "broken patched")
    yield element("h3", "By release", id="by-release")
    yield region("by-release", head, (_release(name, row) for name, row in releases.items()))


def _by_defect(defects: _Table, mended: _Table) -> Iterator[Markup]:
    columns = [column for column in defects[_ALL] if column]
    yield element("h3", "As published, by defect", id="by-defect")
    yield element("p", "Broken cells; the first row has how many there are.")
    rows = (_defects(name, columns, defects) for name in defects)
    yield region("by-defect", ("release", *columns), rows)
    yield _legend(columns, mended)


def _release(name: str, row: Mapping[str, str]) -> list[Cell]:
    broken = (_broken(row[f"broken {kind}"], row[_ALL]) for kind in ("as published", "patched"))
    return [Cell(name), Cell(row[_ALL]), *broken]


def _defects(name: str, columns: list[str], defects: _Table) -> list[Cell]:
    row, cells = defects[name], defects[_ALL]
    if name == _ALL:
        return [Cell("all cells"), *(Cell(row[column]) for column in columns)]
    return [Cell(name), *(_broken(row[column], cells[column]) for column in columns)]


def _broken(count: str, cells: str) -> Cell:
    if count == "0":
        return Cell(count, "good")
    return Cell(count, "bad", f"{100 * int(count) / int(cells):.0f}%")


def _legend(columns: list[str], mended: _Table) -> Markup:
    """What each defect was seen as, folded up."""
    seen = {one: text for text, row in mended.items() for one in row["id"].split(", ")}
    terms = (
        element("div", element("dt", column), element("dd", *_prose(seen[column])))
        for column in columns
    )
    summary = element("summary", f"What {columns[0]} to {columns[-1]} are")
    return element("details", summary, element("dl", *terms))


def _prose(text: str) -> Iterator[str]:
    """Text with what stands between backquotes as code."""
    for number, part in enumerate(_CODE.split(text)):
        yield element("code", part) if number % 2 else part


def _versions(measured: _Table) -> Markup:
    """What the scoreboard was measured on."""
    told = (
        f"{releases} on {', '.join(f'{name} {row[name]}' for name in list(row)[1:])}"
        for releases, row in measured.items()
    )
    return element("p", f"Measured: {'; '.join(told)}.")
