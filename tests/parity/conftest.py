"""What the parity test is told: which trees, and which programs."""

from __future__ import annotations

import pytest

PROGRAMS = 300


def pytest_addoption(parser: pytest.Parser) -> None:
    """Takes the trees' folders, and how many programs are made, and which."""
    for name in ("published", "patched"):
        parser.addoption(f"--{name}", help=f"the folder with guardrails as {name}")
    parser.addoption("--programs", type=int, default=PROGRAMS, help="how many are made")
    parser.addoption("--seed", type=int, default=0, help="which are made")
