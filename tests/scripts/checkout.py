"""A checkout in miniature: small sdists, a lock, two patch lines, and the trees made from them."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scripts import cli, lock
from scripts.layout import Layout

BODY = [f"step_{number} = {number}" for number in range(1, 31)]
TRAILERS = """\
Topic: executor
Defects: D1, D13
Bug: https://example.org/issues/1
Forwarded: no (upstream has another plan)
Drop-When: upstream copies the context itself
"""
REASON = "The context is lost on the way, so the spans have no parent.\n"


def pkg_info(version: str) -> str:
    return f"""\
Metadata-Version: 2.1
Name: guardrails-ai
Version: {version}
Requires-Python: >=3.10,<4.0
Classifier: Programming Language :: Python :: 3
Classifier: Programming Language :: Python :: 3.9
Classifier: Programming Language :: Python :: 3.10
Classifier: Programming Language :: Python :: 3.11
"""


def member(name: str, data: bytes = b"", **attributes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, data


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


def sdist(version: str, files: Mapping[str, str] | None = None) -> bytes:
    content = {
        "PKG-INFO": pkg_info(version),
        "guardrails/run.py": "\n".join(BODY) + "\n",
        "guardrails/call.py": "def call():\n    return 1\n",
        **(files or {}),
    }
    top = f"guardrails_ai-{version}"
    return archive(*(member(f"{top}/{path}", text.encode()) for path, text in content.items()))


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        return [row for row in self.err.splitlines() if row.startswith("error: ")]


@dataclass
class Checkout:
    root: Path
    capsys: pytest.CaptureFixture[str] | None = None
    offline: bool = True
    layout: Layout = field(init=False)

    def __post_init__(self) -> None:
        self.layout = Layout(self.root)
        self.sdists.mkdir(parents=True, exist_ok=True)

    @property
    def sdists(self) -> Path:
        return self.root / "sdists"

    @property
    def lock(self) -> dict[str, lock.Release]:
        return lock.load(self.layout.lock)

    def run(self, command: str, *arguments: str) -> Result:
        """Run a command of the command line in this process."""
        sdists = ["--sdists", str(self.sdists)] if self.offline else []
        code = cli.main(["--root", str(self.root), command, *sdists, *arguments])
        captured = self.capsys.readouterr() if self.capsys else ("", "")
        return Result(code, *captured)

    def publish(self, version: str, files: Mapping[str, str] | None = None) -> Path:
        path = self.sdists / f"guardrails_ai-{version}.tar.gz"
        path.write_bytes(sdist(version, files))
        return path

    def start_line(self, line: str) -> None:
        self.layout.line(line).mkdir(parents=True)
        (self.layout.line(line) / "series").touch()

    def tree(self, version: str) -> Path:
        return self.layout.tree(version)

    def patches(self, line: str) -> list[Path]:
        return sorted(self.layout.line(line).glob("*.patch"))

    def git(self, version: str, *arguments: str) -> str:
        """Git as a user runs it in a tree."""
        return git(self.tree(version), *arguments)

    def commit(self, version: str, subject: str, message: str | None = None) -> None:
        if message is None:
            message = f"{REASON}\n{TRAILERS}"
        self.git(version, "add", "-A")
        self.git(version, "commit", "-q", "-m", f"{subject}\n\n{message}")

    def edit(self, version: str, path: str, old: str, new: str) -> None:
        target = self.tree(version) / path
        text = target.read_text()
        assert old in text
        target.write_text(text.replace(old, new, 1))

    def snapshot(self) -> dict[str, bytes | str]:
        """Every file of the checkout but git's own, for comparing before with after."""
        kept = {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and ".git" not in path.parts and path.name != ".lock"
        }
        heads = {
            f"head of {tree.name}": head.read_text()
            for tree in self.layout.trees.glob("[0-9]*")
            if (head := tree / ".git" / "refs" / "heads" / "context").exists()
        }
        return {**kept, **heads}


def git(tree: Path, *arguments: str) -> str:
    who = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org"}
    who |= {"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org"}
    return subprocess.run(
        ["git", "-C", str(tree), *arguments],
        env={**os.environ, **who},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def make(root: Path, besides: Mapping[str, Mapping[str, str]] | None = None) -> Checkout:
    """Line 1.0.0 serves 1.0.0 and 1.1.0, whose rows are five further down; 2.0.0 is alone.

    Args:
        root: The folder.
        besides: By release more files for its sdist.
    """
    checkout = Checkout(root)
    more = besides or {}
    lower = {"guardrails/run.py": "\n".join(["# new"] * 5 + BODY) + "\n"}
    checkout.publish("1.0.0", more.get("1.0.0"))
    checkout.publish("1.1.0", {**lower, **more.get("1.1.0", {})})
    checkout.publish("2.0.0", more.get("2.0.0"))
    for line in ("1.0.0", "2.0.0"):
        checkout.start_line(line)
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        assert checkout.run("lock", "--release", version).code == 0
    assert checkout.run("apply-patches", "--allow-empty").code == 0
    for version in ("1.1.0", "2.0.0"):
        checkout.edit(version, "guardrails/run.py", "step_10 = 10", "step_10 = context(10)")
        checkout.commit(version, "Keep the context in step 10")
        (checkout.tree(version) / "guardrails" / "context.py").write_text("def context(x): ...\n")
        checkout.commit(version, "Add a context")
    assert checkout.run("refresh-patches").code == 0
    return checkout
