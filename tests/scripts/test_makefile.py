"""The Makefile makes the environment once, and hands its variables on."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.layout import ROOT

TARGETS = [
    "apply-patches",
    "bench",
    "check-patches",
    "clean",
    "control",
    "demo",
    "doctor",
    "help",
    "lint",
    "lock",
    "pr",
    "refresh-patches",
    "requirements",
    "scoreboard",
    "service",
    "soak",
    "test",
    "types",
    "ui",
    "units",
    "wheel",
    "wheelhouse",
]

# Stands in for Python: notes its arguments, and "makes" an environment that holds itself.
PYTHON = """\
#!/bin/sh
echo "$@" >> {log}
case "$1 $2" in
    "-m venv") mkdir -p $3/bin && cp $0 $3/bin/python;;
    "-m pip") test ! -e {root}/offline;;
esac
"""


class Project:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "log"
        shutil.copy(ROOT / "Makefile", root)
        (root / "requirements.txt").write_text("rich==1\n")
        (root / "python").write_text(PYTHON.format(log=self.log, root=root))
        (root / "python").chmod(0o755)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        command = ["make", "--no-print-directory", f"PYTHON={self.root}/python", *arguments]
        return subprocess.run(
            command, cwd=self.root, capture_output=True, text=True, check=False, env={"PATH": PATH}
        )

    @property
    def calls(self) -> list[str]:
        return [row for row in self.log.read_text().splitlines() if row.startswith("-m")]


PATH = "/usr/local/bin:/usr/bin:/bin"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_help_is_the_default_and_lists_every_target(project: Project) -> None:
    listed = re.findall(r"^  ([a-z-]+)  +\S", project.make().stdout, re.MULTILINE)
    assert sorted(listed) == TARGETS
    assert project.calls == []


def test_the_environment_is_made_once_from_hashes(project: Project) -> None:
    assert project.make("apply-patches").returncode == 0
    assert project.calls == [
        "-m venv .venv",
        "-m pip install --quiet --require-hashes -r requirements.txt",
        "-m scripts apply-patches",
    ]
    project.make("apply-patches")
    assert project.calls == ["-m scripts apply-patches"]


def test_it_is_made_again_only_if_the_requirements_are_others(project: Project) -> None:
    project.make("apply-patches")
    (project.root / "requirements.txt").touch()
    project.make("apply-patches")
    assert project.calls == ["-m scripts apply-patches"]
    (project.root / "requirements.txt").write_text("rich==2\n")
    project.make("apply-patches")
    assert "-m venv .venv" in project.calls


def test_a_failed_installation_is_tried_again(project: Project) -> None:
    (project.root / "offline").touch()
    assert project.make("apply-patches").returncode != 0
    assert "-m scripts apply-patches" not in project.calls
    (project.root / "offline").unlink()
    assert project.make("apply-patches").returncode == 0
    assert "-m venv .venv" in project.calls


def test_a_python_that_is_too_old_is_said_in_one_line(project: Project) -> None:
    (project.root / "python").write_text("#!/bin/sh\nexit 1\n")
    result = project.make("apply-patches")
    assert result.returncode != 0
    assert result.stderr.startswith("error: Python 3.10 or newer is needed")


def test_clean_removes_our_caches_wherever_they_are_and_nothing_of_a_tree(project: Project) -> None:
    caches = [
        *(".venv/bin", ".nox", ".hypothesis", ".mypy_cache/3.10", ".pytest_cache", ".ruff_cache"),
        *("__pycache__", "demo/.ruff_cache", "tests/.mypy_cache", "tests/scripts/__pycache__"),
    ]
    kept = ["guardrails/1.0.0/.ruff_cache", "guardrails/1.0.0/a/__pycache__", "tests/guardrails"]
    for name in [*caches, *kept]:
        (project.root / name).mkdir(parents=True)
        (project.root / name / "file").touch()
    assert project.make("clean").returncode == 0
    assert [name for name in caches if (project.root / name).exists()] == []
    assert [name for name in kept if not (project.root / name / "file").exists()] == []
    assert (project.root / "requirements.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (["apply-patches", "RELEASE=1.0.0"], "apply-patches --release 1.0.0"),
        (["apply-patches", "FORCE=1"], "apply-patches --force"),
        (["apply-patches", "FORCE=0"], "apply-patches"),
        (["apply-patches", "SDISTS=a b"], "apply-patches --sdists a b"),
        (["refresh-patches", "RELEASE=1.0.0"], "refresh-patches --release 1.0.0"),
        (["refresh-patches"], "refresh-patches"),
        (["check-patches"], "check-patches"),
        (["lock", "RELEASE=1.0.0"], "lock --release 1.0.0"),
        (["wheel"], "wheel"),
        (["wheel", "RELEASE=1.0.0"], "wheel --release 1.0.0"),
        (["wheel", "ALL=1"], "wheel --all"),
        (["wheelhouse", "SDISTS=x"], "wheelhouse --sdists x"),
        (["pr", "UPSTREAM=a b"], "pr a b"),
        (["pr", "UPSTREAM=x", "GATES=1"], "pr x --gates"),
    ],
)
def test_variables_are_handed_on(project: Project, arguments: list[str], call: str) -> None:
    assert project.make(*arguments).returncode == 0
    assert project.calls[-1] == f"-m scripts {call}"


@pytest.mark.parametrize("given", ["release=1.0.0", "RELASE=1.0.0", "SDIST=a"])
def test_a_variable_that_nobody_reads_is_refused(project: Project, given: str) -> None:
    result = project.make("apply-patches", given)
    assert result.returncode == 2
    assert f"no such variable: {given}: they are ALL FORCE" in result.stderr
    assert project.calls == []


def test_it_is_run_in_the_checkout(project: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = ["make", "-f", str(project.root / "Makefile"), "help"]
    result = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "is not the checkout, whose paths are meant here: use make -C" in result.stderr


def test_the_users_modules_are_not_ours(project: Project) -> None:
    (project.root / "python").write_text(f'#!/bin/sh\necho "path $PYTHONPATH" >> {project.log}\n')
    assert "no such variable" in project.make("doctor", "PYTHONPATH=/of/the/user").stderr
    project.log.write_text("")
    command = ["make", f"PYTHON={project.root}/python", "doctor"]
    env = {"PATH": PATH, "PYTHONPATH": "/of/the/user"}
    subprocess.run(command, cwd=project.root, check=True, env=env, capture_output=True)
    assert set(project.log.read_text().split("\n")) == {"path ", ""}


@pytest.mark.parametrize("python", ["folder", "requirements.txt", "not-there"])
def test_what_is_no_python_is_said_in_one_line(project: Project, python: str) -> None:
    (project.root / "folder").mkdir()
    result = project.make("doctor", f"PYTHON={project.root}/{python}")
    assert result.returncode == 2
    first, *_ = result.stderr.splitlines()
    assert first.startswith(f"error: PYTHON={project.root}/{python} is no Python of 3.6 or newer")


def test_the_clone_must_be_named(project: Project) -> None:
    result = project.make("pr")
    assert result.returncode != 0
    assert "name your clone: make pr UPSTREAM=" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "call"),
    [([], ""), (["JSON=1"], " --json"), (["TIMEOUT=300"], " --timeout 300")],
)
def test_the_doctor_needs_no_environment_of_ours(
    project: Project, arguments: list[str], call: str
) -> None:
    assert project.make("doctor", *arguments).returncode == 0
    assert project.log.read_text().splitlines()[-1] == f"-B scripts/doctor.py{call}"
    assert not (project.root / ".venv").exists()


def test_a_release_to_lock_must_be_named(project: Project) -> None:
    result = project.make("lock")
    assert result.returncode != 0
    assert "name the release: make lock RELEASE=" in result.stderr
