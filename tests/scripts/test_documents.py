"""The documents quote what is really used."""

from __future__ import annotations

import re

import pytest

from scripts import lock, pr_text, series, topics
from scripts.layout import ROOT, Layout

PRODUCTION = (ROOT / "docs/production.md").read_text(encoding="utf-8")
RELEASES = lock.load()
NEWEST = list(RELEASES)[-1]
SERIES = series.load(ROOT / "patches", RELEASES)
SENT = [each for each in topics.of(topics.read(SERIES.patches(NEWEST))) if not each.kept_back]


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


@pytest.mark.parametrize("topic", SENT, ids=lambda topic: topic.name)
def test_the_text_of_a_pull_request_is_short(topic: topics.Topic) -> None:
    title, *body = pr_text.parts(Layout(), topic, RELEASES[NEWEST])
    assert len(title) <= 72
    assert len(" ".join(body).split()) <= 350


def test_every_text_is_that_of_a_topic() -> None:
    texts = {path.stem for path in (ROOT / "pr").glob("*.md")}
    assert texts == {topic.name for topic in SENT}


def test_the_readme_is_read_in_a_few_minutes() -> None:
    words = (ROOT / "README.md").read_text(encoding="utf-8").split()
    assert len(words) <= 900
