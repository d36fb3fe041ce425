"""What the report complains of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service import report


def run(tree: str = "patched", **changed: object) -> dict[str, object]:
    clean = {
        "tree": tree,
        "backend": "mlflow",
        "loop": "asyncio",
        "requests": 10,
        "answered": 9,
        "hung_up": 1,
        "failed": 0,
        "wrong": [],
        "traces": 10,
        "orphans": {},
        "watched": 2,
        "scattered": [],
        "foreign": {},
        "misplaced": [],
        "p50": 0.1,
        "p99": 0.2,
        "memory": {"before": [300.0, 310.0], "after": [320.0, 330.0]},
    }
    return clean | changed


def test_a_whole_run_passes() -> None:
    assert list(report.complaints([run(), run("published", orphans={"guard": 3})])) == []


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"orphans": {"guard": 2}}, "2 orphans: guard"),
        ({"foreign": {"check": 1}}, "1 foreign: check"),
        ({"wrong": ["t1: wrong"]}, "1 wrong, such as t1: wrong"),
        ({"scattered": ["a", "b"]}, "2 scattered, such as a"),
        ({"misplaced": ["a"]}, "1 misplaced, such as a"),
        ({"answered": 0}, "no request was answered"),
    ],
)
def test_a_fault_of_a_patched_run_is_named(changed: dict[str, object], complaint: str) -> None:
    assert list(report.complaints([run(**changed)])) == [f"patched, mlflow, asyncio: {complaint}"]


def test_a_published_run_without_orphans_proves_nothing() -> None:
    assert "proves nothing" in next(report.complaints([run("published")]))


def test_no_run_is_an_error(tmp_path: Path) -> None:
    assert report.main(tmp_path) == 1


def test_the_table_has_a_row_for_each_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(run()))
    (tmp_path / "b.json").write_text(json.dumps(run("published", orphans={"guard": 3})))
    assert report.main(tmp_path) == 0
    out = capsys.readouterr().out
    assert out.count("asyncio") == 2
    assert "310 to 330" in out
