"""Prints the subjects' traces side by side and what each lost: `python -m demo.report`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from demo import page, results, summary, verdict
from demo.results import FOLDER, Call, Missing, Result
from demo.spans import Node, forest
from demo.subjects import COMPARISONS, SUBJECTS
from scripts.errors import Failure

# Two trees fit beside each other from here on.
SIDE_BY_SIDE = 96
# A pipe or a log has no width of its own.
_PLAIN_WIDTH = 110
_STYLES = {None: "", False: "green", True: "red"}


def main(folder: Path = FOLDER) -> int:
    """Print the report.

    Returns:
        1 if the demo does not show what it should, 0 otherwise.
    """
    console = Console(width=_width(), highlight=False)
    try:
        found = {subject: results.load(folder, subject) for subject in SUBJECTS}
    except Missing as missing:
        return _failed([str(missing)])
    for pair in COMPARISONS:
        console.print(comparison([found[subject] for subject in pair], console.width))
    return _closed(console, folder, list(found.values()))


def _closed(console: Console, folder: Path, found: Sequence[Result]) -> int:
    console.print(table(found), Text(f"{summary.caption(found)}\n", style="dim"))
    try:
        print(f"The same for a browser: {page.write(folder, found)}\n")
    except Failure as failure:
        return _failed([str(failure)])
    return _failed(verdict.failures(found))


def comparison(pair: Sequence[Result], width: int) -> RenderableType:
    """The traces of a published and a patched tree, beside or above each other."""
    cells = [Group(_heading(result), *(_call(call) for call in result.calls)) for result in pair]
    if width < SIDE_BY_SIDE:
        return Group(*cells)
    grid = Table.grid(expand=True, padding=(0, 2))
    for _ in cells:
        grid.add_column(ratio=1)
    grid.add_row(*cells)
    return grid


def tree(node: Node) -> Tree:
    """A trace as text; the word marks an orphan where no colour is seen."""
    label = Text(node.span.name)
    if node.orphan:
        label = Text.assemble(("ORPHAN", "bold red"), " ", (node.span.name, "red"))
    drawn = Tree(label)
    for child in node.children:
        drawn.children.append(tree(child))
    return drawn


def table(found: Sequence[Result]) -> Table:
    """The closing table: a row for each subject."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    first, *others = summary.COLUMNS
    made.add_column(first)
    for column in others:
        made.add_column(column, justify="right")
    for result in found:
        made.add_row(*row(result))
    return made


def row(result: Result) -> list[Text]:
    """What one subject comes to, as the closing table has it."""
    return [Text(figure.text, style=_STYLES[figure.bad]) for figure in summary.row(result)]


def _heading(result: Result) -> Text:
    note = f" ({result.subject.note})" if result.subject.note else ""
    return Text.assemble((result.subject.name, "bold"), note)


def _call(call: Call) -> RenderableType:
    trees = [tree(node) for node in forest(call.spans, call.caller)]
    heading = f"{call.kind}: {summary.counted(len(trees), 'trace')}"
    return Padding(Group(Text(heading, style="dim"), *trees), (0, 0, 1, 0))


def _width() -> int | None:
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PLAIN_WIDTH


def _failed(lines: Sequence[str]) -> int:
    for line in lines:
        print("error:", line, file=sys.stderr)
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
