"""Adds up what broke on each tree, and writes the page.

`python -m scoreboard.board FOLDER PAGE RELEASE...`; it fails where a patched tree broke, or a cell
never did.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scoreboard.trees import Tree, every

# The release that has upstream's own remedy for the report.
PEER = "0.6.1"
# What came with it: the engines that this one is about are not in the release before.
NEW_IN_PEER = "D21"

HEADER = """\
<!-- Written by `make scoreboard` from what it measured. Do not edit: run it again. -->

# Scoreboard

Each of the locked releases, as published and with this project's patches, before the same {cells}
cells: a cell is one situation in which one of the defects shows that the
[defects.md](defects.md) lists. A cell is broken where a span is an orphan, missing or
double, where a caller's value is lost, or where somebody else sees it.

To repeat it: `make scoreboard`. What each cell does is in `scoreboard/probes/`.
"""


@dataclass(frozen=True)
class Result:
    """What one tree did.

    Attributes:
        tree: The tree.
        faults: The faults of each cell, by the cell's name.
        versions: What it was measured on.
    """

    tree: Tree
    faults: Mapping[str, Sequence[str]]
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def broken(self) -> list[str]:
        """The names of the cells that broke."""
        return [name for name, faults in self.faults.items() if faults]

    @property
    def by_defect(self) -> Counter[str]:
        """How many cells broke, by defect."""
        return Counter(defect_of(name) for name in self.broken)


def defect_of(cell: str) -> str:
    """The defect that a cell is about."""
    return cell.partition(":")[0]


def load(folder: Path, releases: list[str]) -> list[Result]:
    """Reads the results of both trees of each release."""
    return [_read(folder / f"{tree.name}.json", tree) for tree in every(releases)]


def _read(file: Path, tree: Tree) -> Result:
    content = json.loads(file.read_text(encoding="utf-8"))
    faults = content.pop("cells")
    return Result(tree, faults, content)


def problems(results: Sequence[Result]) -> list[str]:
    """What must not be: cells of patched trees that broke, cells that cannot, and missing ones."""
    names = [name for result in results for name in result.faults]
    proved = {name for result in results if not result.tree.patched for name in result.broken}
    found = [
        f"{name} broke on no published tree" for name in dict.fromkeys(names) if name not in proved
    ]
    found += [
        f"{r.tree.name} did not play every cell" for r in results if set(r.faults) != set(names)
    ]
    for result in results:
        if result.tree.patched:
            found += [f"{result.tree.name}: {n}: {result.faults[n][0]}" for n in result.broken]
    return found


def render(results: Sequence[Result], date: str) -> str:
    """The whole page.

    Args:
        results: The results, a release's published tree before its patched one.
        date: The day of the run.
    """
    cells = list(results[0].faults)
    parts = [
        HEADER.format(cells=len(cells)),
        "## Releases\n",
        *table(("release", "cells", "broken as published", "broken patched"), releases(results)),
        "",
        _about_the_peer(results),
        "## Defects\n",
        "Broken cells of each release as published, by defect; patched, they are",
        f"{sum(len(r.broken) for r in results if r.tree.patched)} in all.\n",
        *table(*defects(results)),
        "",
        "## Measured on\n",
        *table(("releases", "Python", "MLflow", "OpenTelemetry SDK"), environments(results)),
        f"\n{date}.",
    ]
    return "\n".join(parts) + "\n"


def releases(results: Sequence[Result]) -> list[tuple[object, ...]]:
    """A row a release: how many cells there are, and how many broke."""
    rows: list[tuple[object, ...]] = []
    for published, patched in zip(results[::2], results[1::2], strict=True):
        release = published.tree.release
        name = f"{release} (upstream's own fix)" if release == PEER else release
        rows.append((name, len(published.faults), len(published.broken), len(patched.broken)))
    return rows


def defects(results: Sequence[Result]) -> tuple[tuple[object, ...], list[tuple[object, ...]]]:
    """A column a defect, and a row a release as published; first how many cells there are."""
    cells = Counter(defect_of(name) for name in results[0].faults)
    ordered = sorted(cells, key=lambda defect: int(defect[1:]))
    rows: list[tuple[object, ...]] = [("cells", *[cells[each] for each in ordered])]
    for result in results:
        if not result.tree.patched:
            broken = result.by_defect
            rows.append((result.tree.release, *[broken[each] for each in ordered]))
    return ("", *ordered), rows


def environments(results: Sequence[Result]) -> list[tuple[object, ...]]:
    """A row for each set of versions, with the releases that were measured on it."""
    by_versions: dict[tuple[str, ...], list[str]] = {}
    for result in results:
        versions = tuple(
            result.versions.get(n, "") for n in ("python", "mlflow", "opentelemetry-sdk")
        )
        by_versions.setdefault(versions, []).append(result.tree.release)
    return [(f"{names[0]} to {names[-1]}", *key) for key, names in by_versions.items()]


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table, a line a row; all but the first column are numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]


def _about_the_peer(results: Sequence[Result]) -> str:
    """What upstream's own fix came to, in a sentence."""
    published = [result for result in results if not result.tree.patched]
    at = next((n for n, r in enumerate(published) if r.tree.release == PEER), 0)
    if not at:
        return ""
    before, after = published[at - 1], published[at]
    mended = set(before.broken) - set(after.broken)
    new = {name for name in after.broken if defect_of(name) != NEW_IN_PEER} - set(before.broken)
    return (
        f"Upstream's own fix, in {PEER}, mends {len(mended)} of the {len(before.broken)} cells"
        f" that are\nbroken in {before.tree.release}{_counted(mended)}, and breaks {len(new)} that"
        f" were whole{_counted(new)}.\n"
    )


def _counted(cells: Iterable[str]) -> str:
    """How many cells there are of each defect, in brackets."""
    counts = Counter(map(defect_of, cells))
    ordered = sorted(counts, key=lambda defect: int(defect[1:]))
    return f" ({', '.join(f'{each}: {counts[each]}' for each in ordered)})" if counts else ""


def main(folder: Path, page: Path, names: list[str]) -> int:
    """Writes the page; returns how many problems there are."""
    results = load(folder, names)
    page.parent.mkdir(exist_ok=True)
    page.write_text(render(results, datetime.date.today().isoformat()), encoding="utf-8")
    found = problems(results)
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    patched = [result for result in results if result.tree.patched]
    broken = sum(len(result.broken) for result in patched)
    print(f"{page}: {broken} cells broken on {len(patched)} patched trees")
    return len(found)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]) > 0)
