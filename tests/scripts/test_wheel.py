"""`wheel` and `wheelhouse`: what is in a wheel, that its bytes stay the same, and the index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from checkout import Checkout, make

VERSION = """\
from importlib.metadata import version as importlib_version

GUARDRAILS_VERSION = importlib_version("guardrails-ai")
"""
POETRY = """\
[tool.poetry]
name = "guardrails-ai"
version = "{version}"
description = "In miniature."
authors = ["Ada <ada@example.org>"]
packages = [{{ include = "guardrails" }}]

[tool.poetry.dependencies]
python = "^3.9"
"""
PROJECT = """\
[project]
name = "guardrails-ai"
version = "{version}"
description = "In miniature."
requires-python = ">=3.10,<4.0"
license-files = ["LICENSE"]

[tool.poetry]
packages = [{{ include = "guardrails" }}]
"""
BUILD = """
[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
"""
# The tree without patches was the first revision.
WHEELS = [
    "guardrails_ai-1.0.0+context.1-py3-none-any.whl",
    "guardrails_ai-1.1.0+context.1-py3-none-any.whl",
    "guardrails_ai-2.0.0+context.1-py3-none-any.whl",
]


def package(version: str, project: str) -> dict[str, str]:
    return {
        "pyproject.toml": project.format(version=version) + BUILD,
        "LICENSE": "Apache License 2.0\n",
        "guardrails/__init__.py": '"""In miniature."""\n',
        "guardrails/version.py": VERSION,
    }


def buildable(root: Path, capsys: pytest.CaptureFixture[str] | None = None) -> Checkout:
    """A checkout whose sdists are packages: the older ones' of poetry's own kind."""
    kinds = {"1.0.0": POETRY, "1.1.0": POETRY, "2.0.0": PROJECT}
    checkout = make(root, {version: package(version, kind) for version, kind in kinds.items()})
    checkout.capsys = capsys
    return checkout


@pytest.fixture
def checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Checkout:
    made = buildable(tmp_path, capsys)
    capsys.readouterr()
    return made


def content(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_newest_release_is_built_unless_another_is_named(checkout: Checkout) -> None:
    dist = checkout.root / "dist"
    result = checkout.run("wheel")
    assert (result.code, result.err) == (0, "")
    assert [path.name for path in dist.iterdir()] == [WHEELS[2]]
    assert "pip install --upgrade --find-links dist guardrails-ai==2.0.0+context.1" in result.out
    assert checkout.run("wheel", "--release", "1.0.0").code == 0
    assert sorted(path.name for path in dist.iterdir()) == [WHEELS[0], WHEELS[2]]
    assert checkout.run("wheel", "--all").code == 0
    assert sorted(path.name for path in dist.iterdir()) == WHEELS


def test_the_command_takes_the_newest_revision(checkout: Checkout, tmp_path: Path) -> None:
    result = checkout.run("wheel")
    dist = checkout.root / "dist"
    shutil.copy(dist / WHEELS[2], dist / WHEELS[2].replace("+context.1", "+context.0"))
    command = next(row for row in result.out.splitlines() if "pip install" in row)
    _, _, arguments = command.partition("pip install ")
    pip = (sys.executable, "-m", "pip", "--isolated", "install", "-q", "--no-index", "--no-deps")
    target = tmp_path / "site"
    subprocess.run([*pip, "--target", target, *arguments.split()], cwd=checkout.root, check=True)
    assert (target / "guardrails_ai-2.0.0+context.1.dist-info").is_dir()
    # With a file's name in the command there would be one, and `pip freeze` would show it.
    assert not (target / "guardrails_ai-2.0.0+context.1.dist-info" / "direct_url.json").exists()


@pytest.mark.parametrize("number", [0, 2])
def test_a_wheel_says_what_was_changed(checkout: Checkout, number: int) -> None:
    version = WHEELS[number].split("-")[1]
    checkout.run("wheel", "--release", version.split("+")[0])
    files = content(checkout.root / "dist" / WHEELS[number])
    mark = f"by guardrails-context: see the NOTICE of guardrails-ai {version}\n"
    assert files["guardrails/run.py"].startswith(f"# Modified {mark}")
    assert files["guardrails/context.py"] == f"# Added {mark}def context(x): ...\n"
    assert files["guardrails/call.py"] == "def call():\n    return 1\n"
    info = f"guardrails_ai-{version}.dist-info"
    assert f"\nVersion: {version}\n" in files[f"{info}/METADATA"]
    assert "\nLicense-File: NOTICE\n" in files[f"{info}/METADATA"]
    notice = files[f"{info}/licenses/NOTICE"]
    assert "  1. Keep the context in step 10 (D1, D13)\n  2. Add a context (D1, D13)\n" in notice
    assert "modified:\n\n  guardrails/run.py\n" in notice
    assert "added:\n\n  guardrails/context.py\n" in notice
    assert checkout.lock[version.split("+")[0]].sha256 in notice


def test_a_wheel_takes_the_place_of_its_release(checkout: Checkout, tmp_path: Path) -> None:
    checkout.run("wheelhouse")
    target = tmp_path / "site"
    pip = (sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "install")
    index = ("--no-deps", "--index-url", (checkout.root / "dist/simple").as_uri())
    subprocess.run([*pip, "-q", *index, "--target", target, "guardrails-ai==2.0.0"], check=True)
    asked = "import guardrails.version as v; print(v.GUARDRAILS_VERSION)"
    said = subprocess.run(
        [sys.executable, "-c", asked],
        env={**os.environ, "PYTHONPATH": str(target)},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert said.stdout == "2.0.0\n"
    assert (target / "guardrails_ai-2.0.0+context.1.dist-info").is_dir()


def test_the_index_names_each_wheel_with_its_hash(checkout: Checkout, tmp_path: Path) -> None:
    result = checkout.run("wheelhouse")
    assert result.out.endswith(
        "index: dist/simple/, for --extra-index-url; dist/, for --find-links\n"
    )
    page = (checkout.root / "dist/simple/guardrails-ai/index.html").read_text()
    assert page.count("#sha256=") == len(WHEELS)
    assert 'data-requires-python="&gt;=3.10,&lt;4.0">' in page
    # A wheel that was changed on the way is refused.
    (checkout.root / "dist" / WHEELS[2]).write_bytes(b"something else")
    command = (sys.executable, "-m", "pip", "--isolated", "download", "--no-deps", "-d", tmp_path)
    index = ("--index-url", (checkout.root / "dist/simple").as_uri(), "guardrails-ai==2.0.0")
    refused = subprocess.run([*command, *index], check=False, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "DO NOT MATCH THE HASHES" in refused.stderr


def test_a_folder_of_wheels_is_enough(checkout: Checkout, tmp_path: Path) -> None:
    checkout.run("wheelhouse")
    pip = (sys.executable, "-m", "pip", "--isolated", "download", "-q", "--no-deps", "--no-index")
    for version, wheel in (("1.0.0", WHEELS[0]), ("2.0.0", WHEELS[2])):
        found = ("--find-links", checkout.root / "dist", "--python-version", "3.11", "-d", tmp_path)
        subprocess.run(
            [*pip, *found, "--only-binary", ":all:", f"guardrails-ai=={version}"], check=True
        )
        assert (tmp_path / wheel).is_file()


def test_two_machines_make_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = buildable(tmp_path / "one")
    assert one.run("wheelhouse").code == 0
    # Another place, time zone, umask, build date, and a git checkout around it that ignores all.
    other = buildable(tmp_path / "deep" / "er" / "other")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setenv("TMPDIR", str(other.root))
    monkeypatch.setattr("tempfile.tempdir", None)
    subprocess.run(["git", "init", "-q", other.root], check=True)
    (other.root / ".gitignore").write_text("*\n")
    umask = os.umask(0o077)
    try:
        assert other.run("wheelhouse").code == 0
    finally:
        os.umask(umask)
    for name in (*WHEELS, "simple/index.html", "simple/guardrails-ai/index.html"):
        same = (one.root / "dist" / name).read_bytes() == (other.root / "dist" / name).read_bytes()
        assert same, name


def test_edits_in_a_tree_do_not_get_into_a_wheel(checkout: Checkout) -> None:
    checkout.edit("2.0.0", "guardrails/call.py", "return 1", "return 2")
    result = checkout.run("wheel")
    assert result.code == 1
    assert "guardrails/2.0.0: has edited files: guardrails/call.py" in result.errors[0]
    assert not list((checkout.root / "dist").iterdir())


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("guardrails/version.py", 'GUARDRAILS_VERSION = "2"\n', "does not ask for"),
        ("pyproject.toml", PROJECT.format(version="9.9.9") + BUILD, "its version is not 2.0.0"),
        (
            "pyproject.toml",
            PROJECT.format(version="2.0.0") + "[build-system]\nrequires = []\n"
            'build-backend = "no.such"\n',
            "its build failed: ",
        ),
    ],
)
def test_a_package_that_is_not_as_expected_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str, text: str, complaint: str
) -> None:
    odd = make(tmp_path, {"2.0.0": {**package("2.0.0", PROJECT), path: text}})
    odd.capsys = capsys
    capsys.readouterr()
    result = odd.run("wheel")
    assert result.code == 1
    assert len(result.errors) == 1
    assert result.errors[0].startswith("error: 2.0.0: ")
    assert complaint in result.errors[0]
    assert not list((odd.root / "dist").iterdir())


def test_one_release_or_all_of_them(checkout: Checkout) -> None:
    result = checkout.run("wheel", "--all", "--release", "2.0.0")
    assert (result.code, len(result.errors)) == (1, 1)
    assert not (checkout.root / "dist").exists()


def test_older_revisions_stay_in_the_index(checkout: Checkout) -> None:
    checkout.run("wheel")
    shutil.copy(
        checkout.root / "dist" / WHEELS[2],
        checkout.root / "dist" / WHEELS[2].replace("context.1", "context.0"),
    )
    checkout.run("wheelhouse")
    page = (checkout.root / "dist/simple/guardrails-ai/index.html").read_text()
    assert page.count("#sha256=") == len(WHEELS) + 1
