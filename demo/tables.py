"""Tables of figures as HTML, each in a region of its own that scrolls where it is too wide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from demo.markup import Markup, element


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        text: What it says.
        kind: Its class in the style sheet.
        share: How full it is, in per cent.
    """

    text: str
    kind: str = ""
    share: str = ""


def region(label: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Markup:
    """A table in its region.

    Args:
        label: The id of the heading that names it.
        head: The names of its columns.
        rows: Its rows; the first cell of each is the row's name.
    """
    columns = (element("th", name, scope="col") for name in head)
    top = element("thead", element("tr", *columns))
    body = element("tbody", *(_row(row) for row in rows))
    table = element("table", top, body, aria_labelledby=label)
    # What scrolls must be within reach of a keyboard.
    return element(
        "div", table, class_="scroll", role="region", aria_labelledby=label, tabindex="0"
    )


def _row(cells: Sequence[Cell]) -> Markup:
    first, *others = cells
    return element("tr", element("th", first.text, scope="row"), *(_cell(cell) for cell in others))


def _cell(cell: Cell) -> Markup:
    attributes = {"class_": cell.kind, "style": cell.share and f"--share: {cell.share}"}
    return element("td", cell.text, **{key: value for key, value in attributes.items() if value})
