"""`python -m tests.parity.worker`: plays programs with one tree's guardrails.

It reads a program a line and answers each with a line. Each is played in a copy of this process,
which has imported everything: what a program leaves behind, or breaks, is gone with its copy.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.parity import environment

# A program that takes longer, in real seconds, hangs.
PATIENCE = float(os.environ.get("PARITY_PATIENCE", "30"))


def main() -> None:
    """Answers until there are no more programs."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    environment.prepare()
    from tests.parity import player

    player.prepare()
    import guardrails

    place = Path(str(guardrails.__file__)).resolve().parent.parent
    about = {"guardrails": str(place), "release": _release()}
    print(json.dumps(about), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(_play_in_a_copy(line)), file=answers, flush=True)


def _release() -> str:
    """Says which release it is, where its folder says so."""
    try:
        return version("guardrails-ai")
    except PackageNotFoundError:
        return "unknown"


def _play_in_a_copy(line: str) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _play(line, writing)
    os.close(writing)
    try:
        return _answer(reading)
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _play(line: str, writing: int) -> None:
    from tests.parity import player
    from tests.parity.program import Program

    def report(observed: dict[str, Any]) -> None:
        with os.fdopen(writing, "w", encoding="utf-8") as answer:
            answer.write(json.dumps(observed) + "\n")
        os._exit(0)

    try:
        player.play(Program.loaded(line), report)
    except BaseException as error:
        report(player.crash(error))


def _answer(reading: int) -> dict[str, Any]:
    until, text = time.monotonic() + PATIENCE, b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([reading], [], [], max(0.0, until - time.monotonic()))
        more = os.read(reading, 65536) if ready else b""
        if not more:
            return {"ends": ["it did not end" if not ready else "its process died"]}
        text += more
    found: dict[str, Any] = json.loads(text)
    return found


if __name__ == "__main__":
    main()
