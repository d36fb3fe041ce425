"""The control: on a tree with only the first patches, later patches' tests must fail."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

import pytest

from .patches import Patch


def patch_of(item: pytest.Item) -> Optional[Patch]:
    """The patch that a test is marked with; none unless there is exactly one mark."""
    marks = [mark for mark in item.iter_markers() if mark.name in ("repaired_by", "unchanged_by")]
    return Patch(marks[0].args[0]) if len(marks) == 1 else None


def left_alone(item: pytest.Item) -> bool:
    """Tell whether a test shows what no patch may change: it passes on every tree."""
    return item.get_closest_marker("unchanged_by") is not None


def _test_of(item: pytest.Item) -> str:
    """The test's name, whatever its parameters are."""
    return item.nodeid.partition("[")[0]


@dataclass
class Control:
    """Weighs each test's outcome against its mark.

    Attributes:
        applied: The number of the last patch that the tree under test has.
        following: That of the next one, which not every release has; 0 after the last.
        failed: How often each test failed as it must, by patch.
        passed: How often each test passed as it must, by patch.
        wrong: Tests that did not do what their mark says.
    """

    applied: int
    following: int
    failed: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    passed: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    wrong: list[str] = field(default_factory=list)

    def wants(self, item: pytest.Item) -> bool:
        """Whether a test tells something here: all do without patches, then those at the edge.

        The last patch that is there must repair its tests, the next one must still be missed.
        """
        return self.applied == 0 or patch_of(item) in (self.applied, self.following)

    def must_fail(self, item: pytest.Item) -> bool:
        """Whether the patch that repairs a test is still missing."""
        patch = patch_of(item) if item.get_closest_marker("repaired_by") else None
        return patch is not None and patch > self.applied

    def weigh(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Turns a failure that must be into an expected one, and its absence into a failure.

        Only the test's own call counts: a fixture that breaks proves nothing.
        """
        patch = patch_of(item)
        if patch is None or report.when != "call" or report.skipped:
            self._broken(item, report)
        elif self.must_fail(item):
            self._must_fail(item, patch, report)
        else:
            self._must_pass(item, patch, report)

    def _broken(self, item: pytest.Item, report: pytest.TestReport) -> None:
        if report.failed:
            lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
            self.wrong.append(f"{item.nodeid}: broken in {report.when}: {' '.join(lines[-3:])}")

    def _must_pass(self, item: pytest.Item, patch: Patch, report: pytest.TestReport) -> None:
        if report.passed:
            self.passed[patch][_test_of(item)] += 1
        else:
            self.wrong.append(
                f"{item.nodeid}: fails with patches up to {self.applied}, names {patch}"
            )

    def _must_fail(self, item: pytest.Item, patch: Patch, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed[patch][_test_of(item)] += 1
            report.outcome, report.wasxfail = "skipped", f"repaired by patch {patch}"
            return
        fault = f"{item.nodeid}: passes with patches up to {self.applied}, says it needs {patch}"
        self.wrong.append(fault)
        report.outcome, report.longrepr = "failed", fault

    def write(self, ledger: Path) -> None:
        """Writes the counts for the session that adds them up."""
        counts = {"applied": self.applied, "failed": self.failed, "passed": self.passed}
        ledger.write_text(json.dumps({**counts, "wrong": self.wrong}), encoding="utf-8")
