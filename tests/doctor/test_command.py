"""The doctor as a command of an environment that holds nothing but what a test puts there."""

from __future__ import annotations

import ast
import json
import os
import runpy
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from scripts import doctor

DOCTOR = Path(doctor.__file__).resolve()


class Environment:
    """A virtual environment, and what a guardrails-ai is in there that the test wrote itself."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False)
        self.folder = folder
        self.python = folder / "bin" / "python"
        (self.packages,) = folder.glob("lib/python3.*/site-packages")

    def holds(self, source: str, version: str = "0.11.0", **files: str) -> None:
        noted = self.packages / f"guardrails_ai-{version}.dist-info"
        noted.mkdir()
        head = f"Metadata-Version: 2.1\nName: guardrails-ai\nVersion: {version}\n"
        (noted / "METADATA").write_text(head)
        for name, content in files.items():
            (noted / f"{name}.json").write_text(content)
        (self.packages / "guardrails").mkdir()
        (self.packages / "guardrails" / "__init__.py").write_text(source)

    def ask(
        self, *arguments: str, file: Path = DOCTOR, options: str = "-B", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        command = [str(self.python), *options.split(), str(file), *arguments]
        # With that variable set, nobody would write bytecode anyway.
        around = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env={**around, **variables}
        )

    def told(self, *arguments: str, **variables: str) -> dict[str, Any]:
        result = self.ask("--json", *arguments, **variables)
        report: dict[str, Any] = json.loads(result.stdout)
        assert report["status"] == result.returncode
        return report

    def files(self) -> dict[str, tuple[int, int]]:
        found = (path for path in self.folder.rglob("*") if not path.is_symlink())
        stats = {str(path): path.stat() for path in found}
        return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "environment")


def test_without_guardrails_there_is_one_line_that_says_what_to_do(
    environment: Environment,
) -> None:
    result = environment.ask()
    assert (result.returncode, result.stderr) == (2, "")
    (line,) = result.stdout.splitlines()
    assert line.startswith(f"cannot tell: guardrails-ai is not installed for {environment.python};")
    report = environment.told()
    assert (report["packages"], report["patched"], report["rows"]) == ({}, None, [])


def test_what_does_not_import_is_said_with_what_to_do(environment: Environment) -> None:
    environment.holds("import pkg_resources_of_old")
    report = environment.told()
    assert report["verdict"] == "cannot tell"
    assert report["reason"] == (
        "guardrails-ai could not be tried: ModuleNotFoundError: No module named "
        "'pkg_resources_of_old'; up to 0.6.1 it needs setuptools<81"
    )
    assert len(environment.ask().stdout.rpartition("\n\n")[2].splitlines()) == 1


def test_what_breaks_off_is_said(environment: Environment) -> None:
    environment.holds(
        "import os, sys; print('last words', file=sys.stderr, flush=True); os.abort()"
    )
    assert "it broke off, status -6: last words;" in environment.told()["reason"]


def test_what_exits_is_said(environment: Environment) -> None:
    environment.holds("raise SystemExit(3)")
    assert "SystemExit: 3" in environment.told()["reason"]


def test_what_takes_too_long_is_ended_with_all_that_it_started(
    environment: Environment, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    environment.holds(
        "import os, pathlib, subprocess, time\n"
        "other = subprocess.Popen(['sleep', '600'])\n"
        f"pathlib.Path({str(pids)!r}).write_text(f'{{os.getpid()}} {{other.pid}}')\n"
        "time.sleep(600)\n"
    )
    # On a slow machine it needs a while to start the other.
    for seconds in ("1", "4", "16", "64"):
        report = environment.told("--timeout", seconds)
        assert report["verdict"] == "cannot tell"
        assert f"it took more than {seconds} s, allow it more with --timeout" in report["reason"]
        if pids.exists() and len(pids.read_text().split()) == 2:
            break
    assert [runs(pid) for pid in pids.read_text().split()] == [False, False]


def runs(pid: str) -> bool:
    """Whether a process is there; one that ended and that nobody has asked about is not."""
    command = ["ps", "-o", "stat=", "-p", pid]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip()[:1] not in ("", "Z")


def test_nothing_is_written(environment: Environment) -> None:
    environment.holds("import guardrails.other")
    (environment.packages / "guardrails" / "other.py").write_text("")
    before = environment.files()
    assert "opentelemetry" in environment.ask(options="").stdout
    assert environment.files() == before


def test_nothing_is_written_by_what_python_itself_imports_either(environment: Environment) -> None:
    environment.holds("import started")
    (environment.packages / "started.py").write_text("")
    (environment.packages / "start.pth").write_text("import started\n")
    before = environment.files()
    assert "opentelemetry" in environment.ask().stdout
    assert environment.files() == before


def test_the_users_packages_come_before_our_modules_of_the_same_name(
    environment: Environment,
) -> None:
    environment.holds(
        "import git, report\nraise ImportError(f'{git.__name__} from {git.__file__}')"
    )
    for name in ("git", "report"):
        assert (DOCTOR.parent / f"{name}.py").exists()
        (environment.packages / f"{name}.py").write_text("")
    assert f"git from {environment.packages / 'git.py'}" in environment.told()["reason"]


def test_our_modules_do_not_stand_in_for_packages_that_are_not_there(
    environment: Environment,
) -> None:
    environment.holds("import git")
    assert "No module named 'git'" in environment.told()["reason"]


def test_the_network_is_refused_and_what_was_wanted_of_it_told(environment: Environment) -> None:
    environment.holds(
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "here = socket.socket()\n"
        "here.connect(server.getsockname())\n"
        "letter = socket.socket(type=socket.SOCK_DGRAM)\n"
        "for away in (lambda: socket.socket().connect(('192.0.2.1', 80)),\n"
        "             lambda: letter.sendto(b'', ('192.0.2.2', 9)),\n"
        "             lambda: socket.getaddrinfo('name.invalid', 80)):\n"
        "    try:\n"
        "        away()\n"
        "    except ConnectionRefusedError:\n"
        "        pass\n"
    )
    assert environment.told()["refused"] == [
        "socket.connect 192.0.2.1",
        "socket.sendto 192.0.2.2",
        "socket.getaddrinfo name.invalid",
    ]


def test_one_trial_finds_what_the_other_has_compiled(environment: Environment) -> None:
    environment.holds(
        "import os, pathlib, sys\n"
        "found = [*pathlib.Path(sys.pycache_prefix).rglob('slow.*.pyc')]\n"
        "import guardrails.slow\n"
        "assert not os.environ.get('PYTHONDONTWRITEBYTECODE')\n"
        "raise ImportError(f'compiled {len(found)}')\n",
    )
    (environment.packages / "guardrails" / "slow.py").write_text("")
    for name in ("mlflow", "opentelemetry"):
        noted = environment.packages / f"{name}-3.0.0.dist-info"
        noted.mkdir()
        (noted / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 3.0.0\n")
    before = environment.files()
    assert "compiled 0" in environment.told(PYTHONDONTWRITEBYTECODE="1")["reason"]
    assert environment.files() == before


def test_what_is_being_done_is_said_while_it_takes_its_time(environment: Environment) -> None:
    environment.holds("raise ImportError")
    assert environment.ask("--timeout", "60").stderr == "trying guards, for 60 s at most …\n"


def test_settings_of_the_users_own_are_hidden(environment: Environment, tmp_path: Path) -> None:
    environment.holds(
        "import os, pathlib\n"
        "seen = [n for n in os.environ if n.startswith(('MLFLOW_', 'OTEL_', 'GUARDRAILS_'))]\n"
        "home = pathlib.Path.home()\n"
        "assert home == pathlib.Path.cwd().resolve(), home\n"
        "assert os.environ['PYTHONUSERBASE'] == '/installed/for/me'\n"
        "raise ImportError(f'{sorted(seen)} {(home / \".guardrailsrc\").read_text()}')\n"
    )
    variables = {
        "MLFLOW_TRACKING_URI": "http://192.0.2.1",
        "OTEL_SDK_DISABLED": "true",
        "GUARDRAILS_RUN_SYNC": "true",
        "HOME": str(tmp_path),
        "PYTHONUSERBASE": "/installed/for/me",
    }
    reason = environment.told(**variables)["reason"]
    ours = [name for name in doctor.SETTINGS if name.startswith("MLFLOW_")]
    assert f"{sorted(ours)} enable_metrics=false" in reason


def test_a_label_or_a_module_of_the_patches_tells_a_patched_one(environment: Environment) -> None:
    environment.holds("raise ImportError", direct_url='{"url": "file:///a/tree", "dir_info": {}}')
    assert (environment.told()["patched"], environment.told()["source"]) == (
        False,
        "file:///a/tree",
    )
    (environment.packages / "guardrails" / "utils").mkdir()
    (environment.packages / "guardrails" / "utils" / "context_executor.py").write_text("")
    assert environment.told()["patched"] is True


def test_a_label_alone_is_enough(environment: Environment) -> None:
    environment.holds("raise ImportError", version="0.11.0+context.3")
    report = environment.told()
    assert (report["patched"], report["rows"], report["source"]) == (True, [], None)


def test_it_needs_none_of_its_neighbours(environment: Environment, tmp_path: Path) -> None:
    alone = tmp_path / "alone.py"
    alone.write_bytes(DOCTOR.read_bytes())
    assert environment.ask(file=alone).stdout == environment.ask().stdout


@pytest.mark.parametrize("arguments", [["--timeout", "soon"], ["more"], ["--trial", "another"]])
def test_arguments_that_it_does_not_know_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        doctor.main(arguments)
    assert stopped.value.code == 2
    assert "usage: doctor.py" in capsys.readouterr().err


def test_help_shows_what_is_for_users(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        doctor.main(["--help"])
    shown = capsys.readouterr().out
    assert "--json" in shown
    assert "--trial" not in shown


def test_an_older_python_gets_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 8, 18, "final", 0))
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(DOCTOR))
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("cannot tell: this is Python 3.8, guardrails-ai 0.6.0 needs 3.9")


def test_an_older_python_can_read_the_file() -> None:
    source = DOCTOR.read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
    assert "from __future__" not in source.partition("import sys")[2]
