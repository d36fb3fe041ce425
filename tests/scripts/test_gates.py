"""What upstream's gates say, read from the real tools' output."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import gates
from scripts.gates import GATES, Gate

RUFF_CHECK, RUFF_FORMAT, PYRIGHT, PYTEST = GATES


def tree(tmp_path: Path, text: str) -> Path:
    for folder in ("guardrails", "tests/unit_tests"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "guardrails/run.py").write_text(text)
    # Otherwise ruff looks for settings in the folders above.
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\n")
    return tmp_path


def found(gate: Gate, place: Path) -> list[str]:
    module = gate.command if gate.command[0] == "python" else ("python", "-m", *gate.command)
    command = [sys.executable, *module[1:], *gate.call(place)[len(gate.command) :]]
    done = subprocess.run(command, cwd=place, check=False, capture_output=True, text=True)
    return list(gate.found(done.stdout, place))


@pytest.mark.parametrize("shift", ["", "\n\n"])
def test_a_finding_has_no_line_number(tmp_path: Path, shift: str) -> None:
    place = tree(tmp_path, f"{shift}import os\n")
    assert found(RUFF_CHECK, place) == ["guardrails/run.py: F401 `os` imported but unused"]


def test_a_file_that_would_be_formatted_is_found(tmp_path: Path) -> None:
    place = tree(tmp_path, "x = (1)\ny=2\n")
    assert found(RUFF_FORMAT, place) == ["guardrails/run.py: would be formatted otherwise"]


def test_clean_files_have_no_findings(tmp_path: Path) -> None:
    place = tree(tmp_path, "x = 1\n")
    assert found(RUFF_CHECK, place) == found(RUFF_FORMAT, place) == []


def test_tests_that_fail_or_do_not_load_are_found(tmp_path: Path) -> None:
    place = tree(tmp_path, "x = 1\n")
    (place / "tests/unit_tests/test_a.py").write_text(
        "import pytest\n"
        "def test_good(): ...\ndef test_bad():\n    assert not 1\n"
        "@pytest.mark.parametrize('x', ['a b'])\ndef test_space(x):\n    assert not x\n"
    )
    (place / "tests/unit_tests/test_b.py").write_text("import not_there\n")
    assert sorted(found(PYTEST, place)) == [
        "tests/unit_tests/test_a.py::test_bad",
        "tests/unit_tests/test_a.py::test_space[a b]",
        "tests/unit_tests/test_b.py",
    ]


def test_errors_of_types_are_found_behind_what_the_wrapper_says(tmp_path: Path) -> None:
    path = tmp_path / "guardrails/run.py"
    rows = [
        f'{{"file": "{path}", "severity": "error", "rule": "r", "message": "a\\nb"}}',
        f'{{"file": "{path}", "severity": "warning", "message": "c"}}',
        f'{{"file": "{path}", "severity": "error", "message": "d"}}',
    ]
    output = f'There is a newer one.\n{{"generalDiagnostics": [{", ".join(rows)}]}}'
    assert list(PYRIGHT.found(output, tmp_path)) == [
        "guardrails/run.py: r: a",
        "guardrails/run.py: error: d",
    ]


def test_a_gate_looks_at_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "guardrails").mkdir()
    assert RUFF_CHECK.call(tmp_path)[-1] == "guardrails"
    assert PYTEST.call(tmp_path) == ()


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("FAILED x\n1 failed, 9 passed in 2.1s\n", " (1 failed, 9 passed)"),
        ("===== 12 passed in 1.00s =====\n", " (12 passed)"),
        ("[]", ""),
    ],
)
def test_figures_are_those_of_the_last_line(output: str, said: str) -> None:
    assert gates.ran(output) == said


def test_what_is_found_more_often_is_new() -> None:
    assert gates.new(["a", "b"], ["b", "a", "a", "c"]) == ["a", "c"]
    assert gates.new(["a", "b"], ["a"]) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            '[project.optional-dependencies]\ndev = ["pytest", "pyright==1.1.334", "ruff>=0.4"]\n',
            ["pyright==1.1.334", "ruff>=0.4"],
        ),
        (
            '[tool.poetry.group.dev.dependencies]\npyright = "1.1.334"\nruff = "^0.4"\nx = "1"\n',
            ["pyright==1.1.334", "ruff>=0.4"],
        ),
        ("[tool.ruff]\nline-length = 88\n", []),
    ],
)
def test_the_tools_are_those_that_upstream_asks_for(
    tmp_path: Path, text: str, wanted: list[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert gates.tools(tmp_path) == wanted
