"""The text of each pull request, from what the series and `pr/` say.

By topic `pr/` has what only a person can write (`.md`), the smallest script that shows the fault
(`.py`), and what that prints as published and patched (`.before.txt`, `.after.txt`); `nox -s
pr_scripts` keeps the last two true.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scripts import patchfile
from scripts.errors import Failure
from scripts.layout import Layout
from scripts.lock import Release
from scripts.pr import PREFIX, Stack
from scripts.topics import Topic

STAYS = "## What it does not change\n"


def write(layout: Layout, stack: Stack, folder: Path) -> None:
    """Write a title and a text for each branch, and an advisory for those that repair a leak.

    Args:
        layout: The checkout.
        stack: The branches.
        folder: Where to; it is made, and texts of an earlier run go.

    Raises:
        Failure: If a topic has not all that it needs in `pr/`.
    """
    texts = {}
    for branch in stack.branches:
        title, *body = parts(layout, branch.topic, stack.base.release)
        name = branch.topic.name
        texts[f"{name}.title.txt"] = title
        texts[f"{name}.md"] = "\n\n".join(body)
        if branch.topic.leaks:
            texts[f"{name}.advisory.md"] = "\n\n".join(_advisory(title, body, stack))
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("*.md"), *folder.glob("*.title.txt")):
        old.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")


def _said(layout: Layout, name: str, ending: str) -> str:
    path = layout.root / "pr" / f"{name}{ending}"
    if not path.is_file():
        raise Failure(f"{layout.shown(path)}: is missing: topic {name} has to say what breaks")
    return path.read_text(encoding="utf-8").rstrip()


def parts(layout: Layout, topic: Topic, release: Release) -> Iterator[str]:
    """The title of a topic's pull request, and the parts of its text."""
    said, script, before, after = (
        _said(layout, topic.name, ending) for ending in (".md", ".py", ".before.txt", ".after.txt")
    )
    title, _, rest = said.partition("\n")
    breaks, _, stays = rest.partition(STAYS)
    yield title.removeprefix("# ")
    yield _unwrapped(breaks)
    yield f"```python\n{script}\n```"
    yield f"On {release.version} this prints:\n\n```text\n{before}\n```"
    yield f"With this branch:\n\n```text\n{after}\n```"
    if needs := [f"`{PREFIX}{name}`" for name in topic.needs]:
        yield f"It builds on {' and '.join(needs)}: its last commits are what to review."
    yield f"{STAYS}\n{_unwrapped(stays)}"
    yield "## Checks"
    tests = [
        diff.path
        for patch in topic.patches
        for diff in patchfile.diffs(patch.path.read_bytes())
        if diff.path.startswith("tests/") and Path(diff.path).name.startswith("test_")
    ]
    listed = ", ".join(f"`{path}`" for path in dict.fromkeys(tests))
    pythons = f"Python {release.pythons[0]} to {release.pythons[-1]}"
    yield f"These fail without the change and pass with it, on {pythons}: {listed}."
    bugs = [value for patch in topic.patches for value in patch.said.values("Bug")]
    if links := [bug for bug in dict.fromkeys(bugs) if bug.startswith("http")]:
        yield f"Related: {', '.join(links)}"


def _advisory(title: str, body: list[str], stack: Stack) -> Iterator[str]:
    """The text for upstream's private channel, before the pull request is open to all."""
    yield f"# {title}"
    yield (
        "This shows one user's data, or a secret, to somebody else, so I report it in private "
        "first. A repair with tests is ready; I open the pull request when you say so."
    )
    yield f"Affected: guardrails-ai {stack.base.release.version}, and releases before it."
    yield from body[:3]


def how_to_send(stack: Stack, texts: str) -> str:
    """The commands that push a branch and open its pull request, from a fork or not."""
    if not stack.branches:
        return "upstream has all of it: nothing to send"
    branch = stack.branches[0]
    there, name = f"git -C {stack.base.clone}", branch.topic.name
    return f"""\
For each branch, here {branch.name}, from your fork, where YOU is your name on GitHub:
  {there} push git@github.com:YOU/guardrails.git {branch.name}
  gh pr create --repo guardrails-ai/guardrails --head YOU:{branch.name} \\
    --title "$(cat {texts}/{name}.title.txt)" --body-file {texts}/{name}.md
or in a browser, with the text of {texts}/{name}.md:
  https://github.com/guardrails-ai/guardrails/compare/main...YOU:{branch.name}?expand=1
Whoever may push to upstream leaves YOU: out, and pushes to origin.
Where upstream hears of it in private first, send {texts}/*.advisory.md before anything else:
  https://github.com/guardrails-ai/guardrails/security/advisories/new"""


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
