"""Two processes, one for each tree, that play the same program at the same time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.parity.compare import Difference, Observation, differences
from tests.parity.program import Program
from tests.parity.table import Case, allowed

ROOT = Path(__file__).resolve().parents[2]
# How often both trees play a program that differs.
PLAYS = 12


class Process:
    """A process that plays programs with one tree's guardrails.

    Args:
        tree: The folder whose guardrails it imports.
        log: Where what it prints goes.
    """

    def __init__(self, tree: Path, log: Path) -> None:
        self._log = log
        path = os.pathsep.join([str(tree.resolve()), str(ROOT)])
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.parity.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                # What is hashed is in the same order on both sides.
                env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0"},
            )

    def begin(self, program: Program) -> None:
        """Has it play a program."""
        assert self._process.stdin
        self._process.stdin.write(program.dumped() + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Waits for what it says."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process that plays has ended: see {self._log}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """Ends it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def _cases(program: Program, published: Observation, patched: Observation) -> list[Case]:
    found = differences(published, patched)
    return [Case(program, difference, published, patched) for difference in found]


def _refused(program: Program, published: Observation, patched: Observation) -> list[Case]:
    cases = _cases(program, published, patched)
    return [case for case, entry in allowed(cases) if entry is None]


class Players:
    """Two that play the same programs."""

    def observe(self, program: Program) -> tuple[Observation, Observation]:
        """Has both play a program; returns what was observed, published first."""
        raise NotImplementedError

    def again(self, program: Program) -> Observation:
        """Has the first play a program once more."""
        raise NotImplementedError

    def cases(self, program: Program) -> list[Case]:
        """Plays a program, and returns all that differs."""
        return _cases(program, *self.observe(program))

    def refused(self, program: Program) -> list[Case]:
        """Plays a program, and returns what differs and must not.

        Threads that race do not do the same twice, on either tree. Where something differs, both
        trees play the program some more times: each time the patched one must do something that
        the published one has done.
        """
        if not self.at_first_sight(program):
            return []
        plays = [self.observe(program) for _ in range(PLAYS)]
        seen = [published for published, _ in plays]
        for published, patched in plays:
            if all(_refused(program, other, patched) for other in seen):
                return _refused(program, published, patched)
        return []

    def at_first_sight(self, program: Program) -> list[Case]:
        """Plays a program once, and returns what differs and must not, be it by chance."""
        return _refused(program, *self.observe(program))

    def against_itself(self, program: Program) -> list[Difference]:
        """Has the first play a program twice, and returns what differs."""
        return differences(self.again(program), self.again(program))


class Pair(Players):
    """Both trees, each in a process.

    Args:
        published: The folder with guardrails as published.
        patched: The folder with the patched one.
        folder: Where logs go.
    """

    release: str

    def __init__(self, published: Path, patched: Path, folder: Path) -> None:
        self._processes = {
            name: Process(tree, folder / f"{name}.log")
            for name, tree in (("patched", patched), ("published", published))
        }
        for process, tree in zip(self._processes.values(), (patched, published), strict=True):
            about = process.answer()
            if Path(about["guardrails"]) != tree.resolve():
                raise RuntimeError(f"what is imported is {about}, and not from {tree}")
            self.release = about["release"]

    def __enter__(self) -> Pair:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes.values():
            process.close()

    def observe(self, program: Program) -> tuple[Observation, Observation]:
        """Plays a program on both trees."""
        for process in self._processes.values():
            process.begin(program)
        patched, published = (process.answer() for process in self._processes.values())
        return published, patched

    def again(self, program: Program) -> Observation:
        """Plays a program on the published tree."""
        self._processes["published"].begin(program)
        return self._processes["published"].answer()
