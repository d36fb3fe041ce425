"""A checkout in miniature: small sdists, a lock, a series, and the trees made from them."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scripts import build, cli, lock, series
from scripts.layout import Layout

BODY = [f"step_{number} = {number}" for number in range(1, 31)]
STEP, ADD = "Keep the context in step 10", "Add a context"
VARIANT = "before/2.0.0/0001-Keep-the-context-in-step-10.patch"
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

    def start(self, version: str) -> None:
        """Write the first series, of two patches made from a release."""
        tree = self.root / "first"
        archive = f"guardrails_ai-{version}.tar.gz"
        build.build(tree, version, (archive, (self.sdists / archive).read_bytes()), [])
        rows = (tree / "guardrails/run.py").read_text()
        (tree / "guardrails/run.py").write_text(
            rows.replace("step_10 = 10", "step_10 = context(10)")
        )
        _commit(tree, STEP)
        (tree / "guardrails/context.py").write_text("def context(x): ...\n")
        _commit(tree, ADD)
        patches = build.exported(tree, "upstream..HEAD", self.layout.patches)
        self.series.write_text("".join(f"{patch.name}\n" for patch in patches))
        shutil.rmtree(tree)

    @property
    def series(self) -> Path:
        return self.layout.patches / "series"

    def tree(self, version: str) -> Path:
        return self.layout.tree(version)

    def patches(self, version: str) -> list[Path]:
        return series.parsed(self.layout.patches, self.lock).patches(version)

    def files(self) -> list[str]:
        """Every patch file, below the folder of patches."""
        found = self.layout.patches.rglob("*.patch")
        return sorted(str(path.relative_to(self.layout.patches)) for path in found)

    def text(self, version: str, path: str = "guardrails/run.py") -> str:
        return (self.tree(version) / path).read_text()

    def git(self, version: str, *arguments: str) -> str:
        """Git as a user runs it in a tree."""
        return git(self.tree(version), *arguments)

    def commit(self, version: str, subject: str, message: str | None = None) -> None:
        _commit(self.tree(version), subject, message)

    def fixup(self, version: str, subject: str) -> None:
        """Put what was edited in a tree into the commit with that subject."""
        commit = self.git(version, "log", "--format=%H", "--grep", f"^{subject}$").split()[0]
        self.git(version, "add", "-A")
        self.git(version, "commit", "-q", "--fixup", commit)
        self.reorder(version, ":")

    def vary(self) -> Path:
        """Have 1.1.0 and 1.0.0 take another diff of the first patch; returns its file."""
        self.edit("1.1.0", "guardrails/run.py", "context(10)", "context(older=10)")
        self.fixup("1.1.0", STEP)
        assert self.run("refresh-patches", "--release", "1.1.0").code == 0
        return self.layout.patches / VARIANT

    def reorder(self, version: str, command: str) -> None:
        """Rebase a tree's commits with the rows that a command makes of them."""
        autosquash = ("rebase", "-q", "-i", "--autosquash", "upstream")
        self.git(version, "-c", f"sequence.editor={command}", *autosquash)

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


def _commit(tree: Path, subject: str, message: str | None = None) -> None:
    if message is None:
        message = f"{REASON}\n{TRAILERS}"
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", f"{subject}\n\n{message}")


def make(root: Path, besides: Mapping[str, Mapping[str, str]] | None = None) -> Checkout:
    """Two patches made from 2.0.0; in 1.1.0 and 1.0.0 their rows are elsewhere.

    Args:
        root: The folder.
        besides: By release more files for its sdist.
    """
    checkout = Checkout(root)
    more = besides or {}
    lower = {"guardrails/run.py": "\n".join(["# new"] * 5 + BODY) + "\n"}
    checkout.publish("1.0.0", {**lower, **more.get("1.0.0", {})})
    checkout.publish("1.1.0", {**lower, **more.get("1.1.0", {})})
    checkout.publish("2.0.0", more.get("2.0.0"))
    checkout.start("2.0.0")
    for version in ("2.0.0", "1.1.0", "1.0.0"):
        assert checkout.run("lock", "--release", version).code == 0
    assert checkout.run("apply-patches").code == 0
    return checkout
