"""Fixtures: a checkout for each test, copied from one that is made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from checkout import Checkout, make


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GUARDRAILS_CONTEXT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return make(tmp_path_factory.mktemp("template") / "checkout").root


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the user's cache or git settings."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GUARDRAILS_CONTEXT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "sdists"


@pytest.fixture
def checkout(template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Checkout:
    shutil.copytree(template, tmp_path / "checkout", symlinks=True)
    return Checkout(tmp_path / "checkout", capsys)


@pytest.fixture
def empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Checkout:
    """A checkout without a lock; 1.0.0 is published, and there are patches for it."""
    made = Checkout(tmp_path / "empty", capsys)
    made.publish("1.0.0")
    made.start("1.0.0")
    return made
