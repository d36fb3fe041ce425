"""The GitHub workflow: its step that makes the matrix is run as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from scripts import lock
from scripts.layout import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"


def step(identity: str) -> str:
    """The script of the step with an id."""
    found = re.search(
        rf"- id: {identity}\n +run: \|\n((?: {{10}}.*\n)+)", WORKFLOW.read_text(encoding="utf-8")
    )
    assert found
    return textwrap.dedent(found[1])


def run(script: str, tmp_path: Path) -> tuple[int, str]:
    """Runs a script as the service does: bash stops at the first error, in pipes too."""
    output = tmp_path / "output"
    output.touch()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "GITHUB_OUTPUT": str(output), "CI": "true"}
    environment.pop("NOX_SESSIONS", None)
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    return done.returncode, output.read_text()


def test_the_matrix_has_every_release_that_is_locked(tmp_path: Path) -> None:
    code, output = run(step("list"), tmp_path)
    assert code == 0
    name, _, text = output.partition("=")
    assert name == "cells"
    assert output.count("\n") == 1
    cells = json.loads(text)
    sessions = [cell["session"] for cell in cells]
    assert len(set(sessions)) == len(sessions)
    tested = {
        match[1] for each in sessions if (match := re.match(r"(?:tests|rest)\(([\d.]+)-py", each))
    }
    assert tested == set(lock.load())
    for name in ("control", "units", "stack", "wheels"):
        assert any(each.startswith(f"{name}(") for each in sessions), name
    # setup-python is asked for what the session runs on.
    assert all(re.fullmatch(r"3\.\d+", cell["python"]) for cell in cells)


def test_a_matrix_of_nothing_is_an_error(tmp_path: Path) -> None:
    code, output = run('echo "[]" | python -m scripts.cells >> "$GITHUB_OUTPUT"', tmp_path)
    assert (code, output) == (1, "")


@pytest.mark.parametrize("name", ["tests", "checks"])
def test_every_job_has_a_limit(name: str) -> None:
    job = re.search(rf"\n  {name}:\n((?:    .*\n|\n)+)", WORKFLOW.read_text(encoding="utf-8"))
    assert job
    assert "timeout-minutes:" in job[1]
