"""Upstream's own gates: what they find in a tree, so that two trees can be compared.

The session `gates` runs them, in an environment of its own, for `make pr GATES=1`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import tomlkit

# What upstream's configuration names, and the gates need.
_TOOLS = re.compile(r"(ruff|pyright|lxml-stubs)\b")
_PACKAGES = ("guardrails", "tests")


@dataclass(frozen=True)
class Gate:
    """One of upstream's gates.

    Attributes:
        name: What it is called.
        command: The command, run in the tree.
        found: What it complains of in its output, without places: those move.
        folders: Which of the tree's folders it looks at, where they are there.
    """

    name: str
    command: tuple[str, ...]
    found: Callable[[str, Path], Iterator[str]]
    folders: tuple[str, ...] = _PACKAGES

    def call(self, tree: Path) -> tuple[str, ...]:
        """The whole command for a tree; empty if nothing of what it looks at is there."""
        there = [folder for folder in self.folders if (tree / folder).is_dir()]
        return (*self.command, *there) if there else ()


def _checked(output: str, tree: Path) -> Iterator[str]:
    for each in json.loads(output):
        yield f"{Path(each['filename']).relative_to(tree)}: {each['code']} {each['message']}"


def _formatted(output: str, _tree: Path) -> Iterator[str]:
    for path in re.findall(r"^--- (\S+)", output, re.MULTILINE):
        yield f"{path}: would be formatted otherwise"


def _typed(output: str, tree: Path) -> Iterator[str]:
    # The wrapper may say something about newer versions first.
    for each in json.loads(output[output.index("{") :])["generalDiagnostics"]:
        if each["severity"] == "error":
            path = Path(each["file"]).relative_to(tree)
            yield f"{path}: {each.get('rule', 'error')}: {each['message'].splitlines()[0]}"


def _tested(output: str, _tree: Path) -> Iterator[str]:
    # An id can have spaces in it; behind a dash is what the test says.
    yield from re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, re.MULTILINE)


GATES = (
    Gate("ruff check", ("ruff", "check", "--no-cache", "--output-format=json"), _checked),
    Gate("ruff format", ("ruff", "format", "--no-cache", "--diff"), _formatted),
    Gate("pyright", ("pyright", "--outputjson"), _typed, ("guardrails",)),
    Gate(
        "pytest",
        (
            *("python", "-m", "pytest", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider"),
            *("--import-mode=importlib", "--continue-on-collection-errors", "-W", "ignore"),
        ),
        _tested,
        ("tests/unit_tests", "tests/integration_tests"),
    ),
)


def tools(tree: Path) -> list[str]:
    """The requirements of a tree's gates, in the versions that its pyproject.toml asks for."""
    document = tomlkit.parse((tree / "pyproject.toml").read_text(encoding="utf-8")).unwrap()
    listed = document.get("project", {}).get("optional-dependencies", {}).get("dev", [])
    groups = document.get("tool", {}).get("poetry", {}).get("group", {})
    older: Mapping[str, object] = groups.get("dev", {}).get("dependencies", {})
    listed = [*listed, *(f"{name}{_specifier(version)}" for name, version in older.items())]
    return [requirement for requirement in listed if _TOOLS.match(requirement)]


def _specifier(version: object) -> str:
    """A version of poetry's as pip takes it."""
    text = str(version)
    return text.replace("^", ">=") if text[:1] in "<>=^" else f"=={text}"


def ran(output: str) -> str:
    """What pytest says of itself in the end, such as `1 failed, 9 passed`; empty of others."""
    found = re.findall(r"^(?:=+ )?((?:\d+ [a-z]+, )*\d+ [a-z]+) in [\d.]+s", output, re.MULTILINE)
    return f" ({found[-1]})" if found else ""


def new(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """What is complained of after, and was not before, as often."""
    return sorted((Counter(after) - Counter(before)).elements())
