"""The documents quote what is really used."""

from __future__ import annotations

import re

import pytest

from scripts.layout import ROOT

PRODUCTION = (ROOT / "docs/production.md").read_text(encoding="utf-8")


def test_the_settings_for_production_are_those_of_the_service() -> None:
    rows = (ROOT / "service/production.env").read_text(encoding="utf-8").splitlines()
    quoted = re.search(r"```sh\n(.*?)\n```", PRODUCTION, re.DOTALL)
    assert quoted
    assert quoted[1].splitlines() == [row for row in rows if not row.startswith("#")]


@pytest.mark.parametrize(
    "name",
    ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", *map(str, sorted(ROOT.glob("docs/*.md")))],
)
def test_every_link_to_a_file_leads_somewhere(name: str) -> None:
    page = ROOT / name
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_is_read_in_a_few_minutes() -> None:
    words = (ROOT / "README.md").read_text(encoding="utf-8").split()
    assert len(words) <= 900
