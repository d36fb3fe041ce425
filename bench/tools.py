"""Times this project's own commands: `python -m bench.tools ROOT OUTPUT [--quick]`.

They run in a clone of the last commit, as on the machine of somebody new: `make apply-patches`
with nothing there, with the sdists at hand, and with nothing to do; then the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from scripts import git

APPLY = ("make", "apply-patches")
TESTS = ("make", "test")


def timed(clone: Path, cache: Path, *, quick: bool) -> Iterator[dict[str, object]]:
    """Runs the commands in turn.

    Args:
        clone: The clone that they run in.
        cache: Where downloads are kept.
        quick: Whether to leave the tests out.

    Yields:
        For each command what it is, what it finds, and how many seconds it took.
    """
    environment = {**os.environ, "GUARDRAILS_CONTEXT_CACHE": str(cache)}
    for name in ("CI", "VIRTUAL_ENV", "PYTHONPATH"):
        environment.pop(name, None)

    def run(command: tuple[str, ...], finds: str) -> dict[str, object]:
        started = time.perf_counter()
        subprocess.run(command, cwd=clone, env=environment, check=True, stdout=subprocess.DEVNULL)
        took = time.perf_counter() - started
        return {"command": " ".join(command), "finds": finds, "seconds": took}

    yield run(APPLY, "nothing: no environment, no sdists")
    _remove_trees(clone)
    yield run(APPLY, "the environment and the sdists")
    yield run(APPLY, "all trees as they should be")
    if not quick:
        yield run(TESTS, "the trees; no environments of tests")


def _remove_trees(clone: Path) -> None:
    for tree in (clone / "guardrails").glob("*/"):
        shutil.rmtree(tree)


def main() -> None:
    """Times the commands in a clone; writes the figures."""
    parser = argparse.ArgumentParser(prog="bench.tools")
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        clone = folder / "clone"
        git.run(folder, "clone", "--quiet", str(options.root), str(clone))
        figures = []
        for figure in timed(clone, folder / "cache", quick=options.quick):
            print(
                f"{figure['seconds']:6.1f} s  {figure['command']} ({figure['finds']})", flush=True
            )
            figures.append(figure)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    options.output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
