"""`python -m pr.check PUBLISHED PATCHED [OPTIONS]`: each script still prints what is kept of it.

PUBLISHED and PATCHED are folders that guardrails can be imported from. It is run with a Python
that has all that guardrails needs, in which guardrails itself need not be installed.
"""

from __future__ import annotations

import argparse
import difflib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
OURS = ("__init__", "check")
TEXT, SCRIPT, BEFORE, AFTER = ".md", ".py", ".before.txt", ".after.txt"
# A script that takes longer hangs.
PATIENCE = 120

# Nothing is sent out, nothing is fetched, and MLflow says nothing of its own accord.
SETTINGS = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONIOENCODING": "utf-8",
}
# What the user has set for guardrails and for those who trace it has no say.
FOREIGN = ("GUARDRAILS_", "MLFLOW_", "OTEL_")

# Where guardrails comes from, and where what says that it is installed comes from.
ASK_PLACES = """
from importlib import metadata, util
name = "guardrails/__init__.py"
print(util.find_spec("guardrails").origin, metadata.distribution("guardrails-ai").locate_file(name))
"""


class Fault(Exception):
    """Something that is wrong. Its text says what."""


@dataclass(frozen=True)
class Topic:
    """What there is of a topic.

    Attributes:
        name: The topic, such as `event-loop`.
    """

    name: str

    def file(self, kind: str) -> Path:
        """The place of one of the topic's files."""
        return FOLDER / f"{self.name}{kind}"

    def missing(self, *kinds: str) -> list[str]:
        """The names of the files that are not there."""
        return [self.file(kind).name for kind in kinds if not self.file(kind).is_file()]


def main(arguments: Sequence[str]) -> int:
    """Check every topic on both trees.

    Args:
        arguments: The arguments of the command line.

    Returns:
        The exit code: 1 if a topic is not as it should be.
    """
    options = _options(arguments)
    trees = (options.published.resolve(), options.patched.resolve())
    try:
        for tree in trees:
            _check_tree(tree)
    except Fault as fault:
        print(fault)
        return 1
    found = [topic for topic in topics() if options.topic in (None, topic.name)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        seen = pool.map(lambda topic: _faults(topic, trees, options.write), found)
        # Not `any`, which would stop at the first: every topic is reported.
        return min(1, sum(map(_report, found, seen)))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pr.check", description=__doc__)
    parser.add_argument("published", type=Path, help="the tree as published")
    parser.add_argument("patched", type=Path, help="the patched tree")
    names = [topic.name for topic in topics()]
    parser.add_argument("--topic", choices=names, help="only this topic")
    parser.add_argument("--write", action="store_true", help="keep what the scripts print now")
    return parser.parse_args(arguments)


def topics() -> list[Topic]:
    """The topics that there are files of, in alphabetical order."""
    kinds = (TEXT, SCRIPT, BEFORE, AFTER)
    names = {
        path.name.removesuffix(kind)
        for path in FOLDER.iterdir()
        for kind in kinds
        if path.name.endswith(kind)
    }
    return [Topic(name) for name in sorted(names - {*OURS})]


def _report(topic: Topic, faults: list[str]) -> bool:
    """Prints a line about a topic, and what is wrong with it; says whether anything is."""
    print(f"{topic.name:<20} {'differs' if faults else 'ok'}", *faults, sep="\n", flush=True)
    return bool(faults)


def _faults(topic: Topic, trees: Sequence[Path], write: bool) -> list[str]:
    """What is wrong with a topic."""
    kept = () if write else (BEFORE, AFTER)
    if missing := topic.missing(TEXT, SCRIPT, *kept):
        return [f"there is no {name}" for name in missing]
    try:
        before, after = (printed(topic.file(SCRIPT), tree) for tree in trees)
    except Fault as fault:
        return [str(fault)]
    if before == after:
        return ["it shows nothing: both trees print the same"]
    if write:
        topic.file(BEFORE).write_text(before, encoding="utf-8")
        topic.file(AFTER).write_text(after, encoding="utf-8")
    return [*_differences(topic.file(BEFORE), before), *_differences(topic.file(AFTER), after)]


def _differences(kept: Path, text: str) -> Iterator[str]:
    """The lines of a unified diff between what is kept and what was printed."""
    lines = kept.read_text(encoding="utf-8").splitlines(), text.splitlines()
    yield from difflib.unified_diff(*lines, kept.name, "printed now", lineterm="")


def printed(script: Path, tree: Path) -> str:
    """Run a script on a tree.

    Args:
        script: The script.
        tree: The folder that guardrails is imported from.

    Returns:
        What it wrote to its standard output.

    Raises:
        Fault: If it failed or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="pr-") as name:
        folder = Path(name).resolve()
        return _run(f"{script.name} on {tree.name}", [str(script)], folder, tree)


def _check_tree(tree: Path) -> None:
    about = tree.glob("guardrails_ai-*.dist-info/METADATA")
    if not (tree / "guardrails/__init__.py").is_file() or not any(about):
        raise Fault(f"{tree}: there is no guardrails with its dist-info in it")
    with tempfile.TemporaryDirectory(prefix="pr-") as name:
        places = _run(str(tree), ["-c", ASK_PLACES], Path(name).resolve(), tree).split()
    for place in places:
        if Path(place).resolve() != tree / "guardrails/__init__.py":
            raise Fault(f"{tree}: not what is imported: {place} is")


def _run(what: str, arguments: Sequence[str], folder: Path, tree: Path) -> str:
    """Runs Python in a folder, which is its home as well; returns what it printed."""
    (folder / ".guardrailsrc").write_text("enable_metrics=false\n", encoding="utf-8")
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=_environment(folder, tree),
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Fault(f"{what}: no end within {PATIENCE} s") from None
    if done.returncode:
        raise Fault(f"{what}: exit code {done.returncode}\n{done.stderr.rstrip()}")
    return done.stdout


def _environment(folder: Path, tree: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    own = {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": str(tree)}
    return {**kept, **SETTINGS, **own}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
