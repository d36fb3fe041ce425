"""Debian's Chromium, and what the demo left to look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from demo import page, results
from demo.results import FOLDER, STORE, Result
from demo.subjects import SUBJECTS

CHROMIUM = "chromium"


def pytest_configure() -> None:
    """Says in one line what is missing, before anything else can fail because of it."""
    if shutil.which(CHROMIUM) is None:
        raise pytest.UsageError(f"there is no {CHROMIUM}: apt-get install {CHROMIUM}")
    for file in (STORE, FOLDER / page.NAME):
        if not file.exists():
            raise pytest.UsageError(f"{file}: there is nothing to look at yet: run `make demo`")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=shutil.which(CHROMIUM),
            # As root Chromium starts without a sandbox only.
            chromium_sandbox=os.geteuid() != 0,
        )
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def found() -> list[Result]:
    return [results.load(FOLDER, subject) for subject in SUBJECTS]
