"""The doctor's own table says what was measured, and knows every release that is locked."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from scripts import doctor, lock
from scripts.layout import ROOT

EVERYTHING = dict.fromkeys(doctor.NAMES, "1.0.0")
# They cost time, and are no cells of the scoreboard.
COSTS = ("D22", "D23", "D24")
# Found since it was last played.
NOT_PLAYED = {"D26", "D27"}


def listed(release: str, *, patched: bool = False) -> set[str]:
    told = {**doctor.blank(), "packages": EVERYTHING, "patched": patched}
    return {row.id for row in doctor.ROWS if row.applies(release, told)}


def measured() -> Iterator[tuple[str, set[str]]]:
    """The defects that each release has as published, from the scoreboard's table of them."""
    page = (ROOT / "docs" / "scoreboard.md").read_text(encoding="utf-8")
    table = page.partition("## Defects")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line] for line in lines]
    for release, *counts in rows[3:]:
        yield release, {id for id, count in zip(rows[0][1:], counts, strict=True) if count != "0"}


def test_the_scoreboard_has_every_release() -> None:
    assert [release for release, _ in measured()] == list(doctor.RELEASES)


@pytest.mark.parametrize(("release", "defects"), list(measured()))
def test_a_release_has_the_defects_that_were_measured(release: str, defects: set[str]) -> None:
    assert listed(release) - set(COSTS) - NOT_PLAYED == defects


def test_the_lock_has_the_same_releases() -> None:
    assert list(lock.load()) == list(doctor.RELEASES)


def test_the_document_has_the_same_defects() -> None:
    page = (ROOT / "docs/defects.md").read_text(encoding="utf-8")
    ids = {id for cell in re.findall(r"\| (D\d[^|]*) \|", page) for id in cell.split(", ")}
    assert ids == {row.id for row in doctor.ROWS}


def test_a_defect_has_one_row_and_they_are_in_order() -> None:
    numbers = [int(row.id[1:]) for row in doctor.ROWS]
    # D25 was no defect: asking a provider for its tracer each time is what lets it decide.
    assert numbers == [number for number in range(1, 28) if number != 25]


def test_costs_are_listed_where_they_are() -> None:
    assert listed("0.6.0") & set(COSTS) == {"D22", "D23"}
    assert listed("0.6.3") & set(COSTS) == set(COSTS)


@pytest.mark.parametrize("release", doctor.RELEASES)
def test_the_patches_mend_all(release: str) -> None:
    assert listed(release, patched=True) == set()


@pytest.mark.parametrize(
    ("absent", "ids"),
    [
        (doctor.MLFLOW, {"D5", "D6", "D8", "D9", "D10", "D11", "D12"}),
        (doctor.UVLOOP, {"D15"}),
        (doctor.LLAMA, {"D21"}),
    ],
)
def test_a_defect_of_what_is_not_installed_is_not_listed(
    absent: tuple[str, ...], ids: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = listed("0.11.0")
    for name in absent:
        monkeypatch.delitem(EVERYTHING, name)
    assert everything - listed("0.11.0") == ids


def test_any_edition_of_mlflow_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = listed("0.11.0")
    for name in ("mlflow", "mlflow-tracing"):
        monkeypatch.delitem(EVERYTHING, name)
    assert listed("0.11.0") == everything


def test_a_row_is_a_line() -> None:
    assert [row for row in doctor.ROWS if len(row.text) > 90 or not row.text[0].isascii()] == []
