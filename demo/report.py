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

from demo import results, verdict
from demo.results import FOLDER, Call, Missing, Result
from demo.spans import Node, forest
from demo.subjects import COMPARISONS, SUBJECTS

# Two trees fit beside each other from here on.
SIDE_BY_SIDE = 96
# A pipe or a log has no width of its own.
_PLAIN_WIDTH = 110
_VARIABLES = ("ContextVar", "baggage", "guard name")


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
    console.print(table(list(found.values())), caption(list(found.values())))
    return _failed(verdict.failures(found.values()))


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
    made.add_column("guardrails-ai")
    for column in ("traces", "orphan spans", *(f"{name} lost" for name in _VARIABLES)):
        made.add_column(column, justify="right")
    made.add_column("left behind", justify="right")
    for result in found:
        made.add_row(*row(result))
    return made


def row(result: Result) -> list[Text]:
    """What one subject comes to, as the closing table has it."""
    orphans, left = len(result.orphans), len(result.left)
    counts = [(orphans, str(orphans)), *(_lost(result, name) for name in _VARIABLES)]
    return [
        Text(result.subject.name),
        Text(str(len(result.traces))),
        *(Text(text, style="red" if bad else "green") for bad, text in counts),
        Text(str(left), style="red" if left else "green"),
    ]


def caption(found: Sequence[Result]) -> Text:
    """What the closing table counts."""
    calls = " and ".join(call.kind for call in found[0].calls)
    versions = ", ".join(sorted({f"Python {r.versions['python']}" for r in found}))
    mlflow = ", ".join(sorted({f"MLflow {r.versions['mlflow']}" for r in found}))
    return Text(
        f"{calls} called once each; {versions}; {mlflow}. A call should make one trace. An orphan "
        "is a root span that is not the caller's own. Lost: looks for a variable that did not find "
        "what was set, of all looks by the LLM callable, the two validators and the on_fail "
        "handler. Left behind: the caller's variables that hold the call's API key afterwards.\n",
        style="dim",
    )


def _lost(result: Result, variable: str) -> tuple[int, str]:
    looks = [sighting for sighting in result.seen if sighting.variable == variable]
    lost = sum(sighting.lost for sighting in looks)
    return lost, f"{lost} of {len(looks)}"


def _heading(result: Result) -> Text:
    note = f" ({result.subject.note})" if result.subject.note else ""
    return Text.assemble((result.subject.name, "bold"), note)


def _call(call: Call) -> RenderableType:
    trees = [tree(node) for node in forest(call.spans, call.caller)]
    traces = f"{len(trees)} trace{'s' if len(trees) > 1 else ''}"
    return Padding(Group(Text(f"{call.kind}: {traces}", style="dim"), *trees), (0, 0, 1, 0))


def _width() -> int | None:
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PLAIN_WIDTH


def _failed(lines: Sequence[str]) -> int:
    for line in lines:
        print("error:", line, file=sys.stderr)
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
