"""Runs every probe on trees, and writes what broke on each as JSON.

`python -m scoreboard.play FOLDER TREE...`, in an environment that has all that the trees need but
guardrails itself. What is slow to import is imported once; each tree is then played in a process
of its own, forked from there.
"""

from __future__ import annotations

import gc
import importlib
import json
import multiprocessing
import os
import platform
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regression.environment import prepare
from regression.waiting import LIMIT

from scoreboard import store

if TYPE_CHECKING:
    from scoreboard.cells import Cell

JOBS = 2
STORE = "empty.db"
# What guardrails imports sooner or later, and what it is recorded with; none imports guardrails.
SLOW = ("litellm", "openai", "langchain_core.messages", "mlflow.tracing", "mlflow.entities")


def main(folder: Path, names: Sequence[str]) -> None:
    """Plays every cell on every tree, some trees at a time.

    Args:
        folder: Where the trees are and the results go.
        names: The trees' names.
    """
    home = prepare()
    try:
        _import_slow()
        store.make(folder / STORE)
        with multiprocessing.get_context("fork").Pool(JOBS, maxtasksperchild=1) as pool:
            for line in pool.imap_unordered(_play_tree, [folder / name for name in names], 1):
                print(line, flush=True)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _import_slow() -> None:
    warnings.simplefilter("ignore")
    for name in SLOW:
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(f"not imported in advance: {error}")
    assert "guardrails" not in sys.modules
    gc.collect()
    # What is there already is not looked at again by each collection of each tree's.
    gc.freeze()


def _play_tree(tree: Path) -> str:
    """Plays every cell on one tree; returns a line about it."""
    started, home = time.monotonic(), prepare()
    try:
        result = _played_quietly(tree, home)
    finally:
        os.chdir(tree)
        shutil.rmtree(home, ignore_errors=True)
    (tree.parent / f"{tree.name}.json").write_text(json.dumps(result, indent=1) + "\n")
    cells = result["cells"]
    broken, took = sum(bool(faults) for faults in cells.values()), time.monotonic() - started
    return f"{tree.name:<18} {broken:3} of {len(cells)} broken  {took:4.0f} s"


def _played_quietly(tree: Path, home: Path) -> dict[str, Any]:
    """Everything that libraries print on the way goes into a log beside the result."""
    with (tree.parent / f"{tree.name}.log").open("w") as log:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(log.fileno(), stream.fileno())
        return _played(tree, home)


def _played(tree: Path, home: Path) -> dict[str, Any]:
    os.chdir(home)
    sys.path.insert(0, str(tree))
    _check(tree)
    store.copy(tree.parent / STORE, home)
    from scoreboard import probes
    from scoreboard.cells import CELLS

    assert probes.__all__
    return {**_about(), "cells": {cell.name: _play(cell) for cell in CELLS}}


def _check(tree: Path) -> None:
    """Nothing but the tree may be under test."""
    import guardrails

    place = Path(guardrails.__file__).resolve()
    if not place.is_relative_to(tree):
        raise RuntimeError(f"guardrails is imported from {place}, which is not in {tree}")


def _about() -> dict[str, str]:
    names = ("guardrails-ai", "mlflow", "opentelemetry-sdk")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _play(cell: Cell) -> list[str]:
    """A cell's faults; whatever is raised is one."""
    started = time.monotonic()
    # Probes collect garbage, and need not go through all that was there before.
    gc.freeze()
    try:
        with _patience():
            faults = copy_context().run(cell.probe)
    except Exception as error:
        faults = [f"{type(error).__name__}: {error}"]
    took = time.monotonic() - started
    print(f"{took:5.1f} s  {len(faults):3}  {cell.name}  {faults[:1]}", flush=True)
    return [str(fault)[:300] for fault in faults[:5]]


@contextmanager
def _patience() -> Iterator[None]:
    """A probe that hangs is broken, and does not hold up the rest."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"no end within {LIMIT:g} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
