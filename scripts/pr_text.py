"""The text of each pull request, from what the series, the pages and `pr/` say.

By topic `pr/` has what only a person can write (`.md`), the smallest script that shows the fault
(`.py`), and what that prints as published and patched (`.before.txt`, `.after.txt`); `nox -s
pr_scripts` keeps the last two true. The order is that of upstream's contributing guide: what and
why, related issues, tests and format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from scripts import lock, markdown, patchfile
from scripts.errors import Failure
from scripts.layout import Layout
from scripts.pr import PREFIX, Branch, Stack
from scripts.topics import Topic

STAYS = "What it does not change"
_SUITES = ("tracing off", "OpenTelemetry", "MLflow")


def write(layout: Layout, stack: Stack, folder: Path) -> list[Path]:
    """Write the texts of a stack's pull requests.

    Args:
        layout: The checkout.
        stack: The stack.
        folder: Where to; it is made, and texts of an earlier run go.

    Returns:
        The files, in the order of the branches.

    Raises:
        Failure: If a topic has not all that it needs in `pr/`.
    """
    texts = {
        folder / f"{branch.name.removeprefix(PREFIX)}.md": "\n\n".join(
            _parts(layout, stack, branch)
        )
        for branch in stack.branches
    }
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        old.unlink()
    for path, text in texts.items():
        path.write_text(text + "\n", encoding="utf-8")
    return list(texts)


def _said(layout: Layout, topic: Topic, ending: str) -> str:
    path = layout.root / "pr" / f"{topic.name}{ending}"
    if not path.is_file():
        raise Failure(
            f"{layout.shown(path)}: is missing: topic {topic.name} has to say what breaks"
        )
    return path.read_text(encoding="utf-8").rstrip()


def _parts(layout: Layout, stack: Stack, branch: Branch) -> Iterator[str]:
    topic = branch.topic
    said, script, before, after = (
        _said(layout, topic, ending) for ending in (".md", ".py", ".before.txt", ".after.txt")
    )
    title, _, rest = said.partition("\n")
    breaks, _, stays = rest.partition(f"## {STAYS}\n")
    newest = list(lock.load(layout.lock))[-1]
    yield title
    yield from _place(stack, branch)
    yield f"## What breaks today\n\n{_unwrapped(breaks)}"
    yield _fenced("python", script)
    yield f"On guardrails-ai {newest} this prints:\n\n{_fenced('text', before)}"
    yield f"With all branches of the stack:\n\n{_fenced('text', after)}"
    yield "## The change"
    for patch in topic.patches:
        yield f"### {patch.said.subject}\n\n{_unwrapped(patch.said.prose)}"
    yield f"## {STAYS}\n\n{_unwrapped(stays)}"
    yield "## Related issues\n\n" + "\n".join(_issues(topic))
    yield "## How it was tested"
    yield from _tests(layout, stack, topic)
    yield "## What it costs"
    yield from _costs(layout)


def _place(stack: Stack, branch: Branch) -> Iterator[str]:
    number = stack.branches.index(branch)
    if len(stack.branches) > 1:
        where = f"Number {number + 1} of {len(stack.branches)} in a stack of branches, one a topic"
        below = f": it builds on `{stack.branches[number - 1].name}`" if number else ""
        commits = len(branch.topic.patches)
        count = "its last commit is" if commits == 1 else f"its last {commits} commits are"
        yield f"{where}{below}; {count} what to review here."


def _issues(topic: Topic) -> Iterator[str]:
    bugs = [value for patch in topic.patches for value in patch.said.values("Bug")]
    links = [bug for bug in dict.fromkeys(bugs) if bug.startswith("http")]
    yield from (f"- {link}" for link in links)
    if not links:
        yield "None is open for it."


def _tests(layout: Layout, stack: Stack, topic: Topic) -> Iterator[str]:
    paths = [
        diff.path
        for patch in topic.patches
        for diff in patchfile.diffs(patch.path.read_bytes())
        if diff.path.startswith("tests/") and Path(diff.path).name.startswith("test_")
    ]
    yield "Unit tests, which fail without the change and pass from its commit on:"
    yield "\n".join(f"- `{path}`" for path in dict.fromkeys(paths))
    pythons = stack.base.release.pythons
    yield (
        f"Whole Guards and streams besides, sync and async, with and without an event loop, under "
        f"OpenTelemetry and MLflow, on Python {pythons[0]} to {pythons[-1]}."
    )
    yield from _counts(layout, stack, topic)
    yield "`ruff check` and `ruff format --check` pass at each commit."


def _counts(layout: Layout, stack: Stack, topic: Topic) -> Iterator[str]:
    """How many situations of the topic's defects the scoreboard found broken."""
    named = [value for patch in topic.patches for value in patch.said.values("Defects")]
    defects = {defect for value in named for defect in re.findall(r"D\d+", value)}
    rows = markdown.table(layout.root / "docs/scoreboard.md", "Defects")
    version = stack.base.release.version
    releases = markdown.table(layout.root / "docs/scoreboard.md", "Releases")
    patched = next(
        row["broken patched"] for name, row in releases.items() if name.split()[0] == version
    )
    measured = [defect for defect in rows["cells"] if defect in defects]
    if measured:
        cells, broken = (
            sum(int(rows[row][defect]) for defect in measured) for row in ("cells", version)
        )
        yield (
            f"Of {cells} situations that were tried for this, {broken} are broken in {version} as "
            f"published, and {patched} with the whole stack."
        )


def _costs(layout: Layout) -> Iterator[str]:
    """What the whole stack costs; single branches were not measured."""
    page = layout.root / "docs/performance.md"
    yield "CPU of a whole `validate` with the whole stack of branches, to the published release's:"
    found = ["| one validator | Guard | AsyncGuard |", "| --- | --: | --: |"]
    for suite in _SUITES:
        rows = markdown.table(page, suite)
        ratios = [rows[f"{mode}, 1 validator"]["ratio"] for mode in ("Guard", "AsyncGuard")]
        found.append(f"| {suite} | {ratios[0]} | {ratios[1]} |")
    yield "\n".join(found)
    hop = markdown.table(page, "Bars")["our hop, to the bare one"]
    yield f"A hop to a worker thread takes at most {hop['worst'].split()[0]} times a bare one's."
    yield f"Measured: {markdown.section(page, 'Measured on').partition(';')[0].strip()}."


def _unwrapped(text: str) -> str:
    """Prose with a line for each paragraph and list item: GitHub shows every line's end."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        starts = not line or line.startswith(("- ", "#")) or not (lines and lines[-1])
        if starts:
            lines.append(line)
        else:
            lines[-1] += f" {line.strip()}"
    return "\n".join(lines)


def _fenced(kind: str, text: str) -> str:
    return f"```{kind}\n{text}\n```"
