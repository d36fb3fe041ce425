"""What the doctor concludes from what it found, and how it says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts import doctor, lock

GUARDS = ["Guard.validate: span", "AsyncGuard.validate: ContextVar"]


def told(*held: bool | None, **changes: Any) -> dict[str, Any]:
    """A report on 0.11.0 as published, before anything was concluded."""
    names = [*GUARDS, doctor.ONE_TRACE]
    checks = [
        doctor._check(name, each, "so it was") for name, each in zip(names, held, strict=False)
    ]
    packages = {"guardrails-ai": "0.11.0", "mlflow": "3.0.0", "mlflow-skinny": "3.0.0"}
    return {**doctor.blank(), "packages": packages, "patched": False, "checks": checks, **changes}


PATCHED = {"packages": {"guardrails-ai": "0.11.0+context.1"}, "patched": True}


@pytest.mark.parametrize(
    ("held", "verdict"),
    [
        ((True, True), "whole"),
        ((True, True, True), "whole"),
        ((True, True, None), "whole"),
        ((True, False, True), "loses context"),
        ((True, True, False), "loses context"),
        ((None, False, True), "loses context"),
        ((True, None, True), "cannot tell"),
    ],
)
def test_what_was_tried_decides(held: tuple[bool | None, ...], verdict: str) -> None:
    report = doctor.concluded(told(*held))
    assert report["verdict"] == verdict
    assert report["status"] == {"whole": 0, "loses context": 3, "cannot tell": 2}[verdict]


def test_json_has_always_the_same_keys() -> None:
    keys = [
        *("python", "executable", "packages", "source", "patched", "checks", "refused"),
        *("rows", "wheel", "verdict", "reason", "status"),
    ]
    assert list(doctor.concluded(doctor.blank(), "why")) == keys
    assert list(doctor.concluded(told(True, False))) == keys


def test_what_could_not_be_tried_is_said() -> None:
    assert "MLflow" in doctor.concluded(told(True, True, None))["reason"]
    reason = doctor.concluded(told(None, True))["reason"]
    assert reason == "Guard.validate: span could not be tried: so it was"


def test_a_published_release_gets_rows_and_a_wheel() -> None:
    report = doctor.concluded(told(False, True))
    revision = lock.load()["0.11.0"].revision
    assert report["wheel"] == f"guardrails_ai-0.11.0+context.{revision}-py3-none-any.whl"
    assert {"id": "D3", "text": doctor.ROWS[2].text} in report["rows"]


def test_whole_ones_need_no_wheel() -> None:
    assert doctor.concluded(told(True, True, **PATCHED))["wheel"] is None


def test_a_patched_one_that_loses_context_is_told_so_and_mended_all_the_same() -> None:
    report = doctor.concluded(told(True, False, **PATCHED))
    assert report["reason"] == "it is patched, and still 1 of 2 checks found something lost"
    assert report["rows"] == []
    assert "install --force-reinstall --no-deps --find-links dist" in doctor.shown(report)


@pytest.mark.parametrize("version", ["0.12.0", "0.5.15", "0.11.0a1"])
def test_of_a_release_that_is_not_known_only_the_verdict_is_told(version: str) -> None:
    report = doctor.concluded(told(False, True, packages={"guardrails-ai": version}))
    assert (report["verdict"], report["rows"], report["wheel"]) == ("loses context", [], None)
    assert "Its defects are not known; those of 0.6.0 to 0.11.0 are." in doctor.shown(report)
    assert "There are wheels for 0.6.0 to 0.11.0 only: move to one" in doctor.shown(report)


def test_without_the_lock_the_revision_is_left_open(tmp_path: Path) -> None:
    name = "guardrails_ai-0.6.0+context.*-py3-none-any.whl"
    assert doctor.wheel("0.6.0", tmp_path / "upstream.toml") == name


def test_the_revision_is_the_releases_own(tmp_path: Path) -> None:
    path = tmp_path / "upstream.toml"
    path.write_text(
        '[release."0.6.0"]\ntree = "1"\n\n[release."0.6.1"]\ntree = "2"\nrevision = 7\n'
    )
    assert doctor.wheel("0.6.0", path) == "guardrails_ai-0.6.0+context.*-py3-none-any.whl"
    assert doctor.wheel("0.6.1", path) == "guardrails_ai-0.6.1+context.7-py3-none-any.whl"


def test_people_read_what_was_found_tried_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ROWS", doctor.ROWS[:2])
    where = {"python": "3.11.7", "executable": "/a b/python", "source": "file:///elsewhere"}
    report = {**doctor.concluded(told(True, False, None, **where)), "wheel": "it.whl"}
    assert doctor.shown(report).splitlines() == [
        "guardrails-ai 0.11.0, as published",
        "from file:///elsewhere",
        "Python 3.11.7, mlflow 3.0.0",
        "",
        "Tried in a process of its own, without a network:",
        "  ok    Guard.validate: span            so it was",
        "  LOST  AsyncGuard.validate: ContextVar so it was",
        "  ?     MLflow: one trace               so it was",
        "",
        "Defects of this release, with what is installed here:",
        f"  D1   {doctor.ROWS[0].text}",
        f"  D2   {doctor.ROWS[1].text}",
        "",
        "loses context: 1 of 3 checks found something lost",
        "To mend it, in a checkout of this project:",
        "  make wheel RELEASE=0.11.0",
        "  '/a b/python' -m pip install --upgrade --no-deps --find-links dist"
        " guardrails-ai==0.11.0",
    ]


def test_without_guardrails_people_read_one_line() -> None:
    assert doctor.shown(doctor.concluded(doctor.blank(), "why")) == "cannot tell: why"


def test_a_fault_of_the_doctors_own_is_not_taken_for_a_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise PermissionError("no")

    monkeypatch.setattr(doctor, "installed", fail)
    assert doctor.main([]) == 2
    told = "cannot tell: the doctor failed, please report it: PermissionError: no\n"
    assert capsys.readouterr().out == told
