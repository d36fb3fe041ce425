"""A process that measures one tree's calls, seen from the one that asks it to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from regression.waiting import PATIENCE


class Process:
    """A process that measures one tree's calls.

    Args:
        tree: The folder whose guardrails it imports.
        backend: Who records spans there.
        log: Where what it prints goes.

    Raises:
        RuntimeError: If it imports another guardrails, or ends before it has answered.
    """

    def __init__(self, tree: Path, backend: str, log: Path) -> None:
        self._log = log
        path = os.pathsep.join([str(tree), *filter(None, [os.environ.get("PYTHONPATH")])])
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.worker", backend],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                # What is hashed is in the same order on both sides.
                env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0"},
            )
        place = Path(self._answer()["guardrails"])
        if place != tree.resolve():
            raise RuntimeError(f"guardrails is imported from {place}, which is not {tree}")

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ask(self, **request: Any) -> dict[str, Any]:
        """Sends a request; returns the answer."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        watch = threading.Timer(PATIENCE, self._process.kill)
        watch.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watch.cancel()
        if not line:
            raise RuntimeError(f"a process that measures has ended: see {self._log}")
        answer: dict[str, Any] = json.loads(line)
        return answer
