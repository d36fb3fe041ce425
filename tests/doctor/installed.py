"""Puts the doctor to an environment with a real guardrails-ai, and holds it to what it says.

`python -m tests.doctor.installed PYTHON STATUS`: the environment's own Python, and the exit status
that the doctor must have there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts import doctor

MLFLOW_ROWS = {"D5", "D6", "D8", "D9", "D10", "D12"}
# One of each kind that every release has as published.
ALWAYS = {"D1", "D2", "D3", "D4", "D7", "D16", "D17", "D18", "D19", "D20", "D22", "D23", "D26"}


def main(python: str, status: int) -> int:
    """Runs the doctor there; returns 0 if all is as it should be, and else says what is not."""
    # With it set, no bytecode would be written anyway.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    before = files(python)
    command = [python, "-B", str(Path(doctor.__file__).resolve()), "--json"]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    told = json.loads(result.stdout)
    print(doctor.shown(told))
    found = list(faults(told, status))
    if result.returncode != told["status"]:
        found.append(f"the exit status is {result.returncode}, the report says {told['status']}")
    changed = sorted(dict(before.items() ^ files(python).items()))
    found += [f"it was written, changed or removed: {path}" for path in changed]
    print("\nas it should be" if not found else "\nFAULTS", *found, sep="\n  ")
    return bool(found)


def files(python: str) -> dict[str, tuple[int, int]]:
    """The size of every file of an environment, and when it was changed."""
    command = [python, "-I", "-B", "-c", "import sys; print(sys.prefix)"]
    prefix = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    stats = {str(path): path.lstat() for path in Path(prefix).rglob("*")}
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}


def faults(told: dict[str, Any], status: int) -> Iterator[str]:
    """What is not as it should be in a report."""
    if told["status"] != status:
        yield f"the status is {told['status']}, it should be {status}: {told['reason']}"
    if told["refused"]:
        yield f"the network was wanted: {told['refused']}"
    if status == doctor.STATUS[doctor.CANNOT_TELL]:
        return
    yield from check_faults(told, lost=status == doctor.STATUS[doctor.LOSES])
    yield from row_faults(told)
    if bool(told["wheel"]) != (status == doctor.STATUS[doctor.LOSES]):
        yield f"the wheel is {told['wheel']}"


def check_faults(told: dict[str, Any], lost: bool) -> Iterator[str]:
    """Everything was tried, all of it held or this was lost that every release loses."""
    held = {check["name"]: check["held"] for check in told["checks"]}
    if len(held) != 7 + has_mlflow(told):
        yield f"these checks are not all: {sorted(held)}"
    surely = [name for name in held if "AsyncGuard" in name or name.endswith("ContextVar")]
    for name in [*surely, doctor.ONE_TRACE] if has_mlflow(told) else surely:
        if held.get(name) is not (not lost):
            yield f"{name} is {held.get(name)}"
    yield from (f"{name} could not be tried" for name, each in held.items() if each is None)


def row_faults(told: dict[str, Any]) -> Iterator[str]:
    """The rows are a published release's or a patched one's, with MLflow's where it is."""
    ids = {row["id"] for row in told["rows"]}
    if told["patched"]:
        if ids:
            yield f"the patches do not mend {sorted(ids)}"
        return
    if not ids >= ALWAYS:
        yield f"these rows are missing: {sorted(ALWAYS - ids)}"
    if ids & MLFLOW_ROWS != (MLFLOW_ROWS if has_mlflow(told) else set()):
        yield f"the rows of MLflow are {sorted(ids & MLFLOW_ROWS)}"


def has_mlflow(told: dict[str, Any]) -> bool:
    """Whether the environment has an MLflow."""
    return "mlflow" in told["packages"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests.doctor.installed")
    parser.add_argument("python")
    parser.add_argument("status", type=int, choices=tuple(doctor.STATUS.values()))
    chosen = parser.parse_args()
    sys.exit(main(chosen.python, chosen.status))
