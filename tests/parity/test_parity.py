"""The patched release does what the published one does, but for what the table says.

`nox -s parity` lays both trees out and names them, with `--published` and `--patched`; `--programs`
and `--seed` say how many programs are made, and which.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.version import Version

from tests.parity.hunt import Hunt, made, report
from tests.parity.known import KINDS
from tests.parity.pair import ROOT, Pair
from tests.parity.program import Program
from tests.parity.table import TABLE, Entry

# A report tells what is wrong; a hundred would hide it.
MOST = 5
TOLD = ("docs/behaviour.md", "docs/defects.md")
EXAMPLES = [
    pytest.param(program, id=f"{kind.name.partition(':')[0]}-{at}")
    for kind in KINDS
    for at, program in enumerate(kind.programs)
]
EXAMPLES += [pytest.param(entry.needed_by, id=entry.name) for entry in TABLE]


@pytest.fixture(scope="session")
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """Both trees, ready to play."""
    published, patched = map(request.config.getoption, ("--published", "--patched"))
    with Pair(Path(published), Path(patched), tmp_path_factory.mktemp("logs")) as both:
        yield both


@pytest.mark.parametrize("program", EXAMPLES)
def test_an_example_is_the_same_on_both_trees(pair: Pair, program: Program) -> None:
    refused = pair.refused(program)
    assert not refused, f"not allowed by the table:\n{report(refused)}"


def test_programs_are_the_same_on_both_trees(pair: Pair, request: pytest.FixtureRequest) -> None:
    hunt = Hunt(pair)
    for program in made(*map(request.config.getoption, ("--programs", "--seed"))):
        hunt.look_at(program)
        if len(hunt.reports) >= MOST:
            break
    told = "\n\n".join(hunt.reports)
    assert not told, f"not allowed by the table, of {hunt.played} programs:\n\n{told}"


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.name)
def test_an_entry_of_the_table_is_needed(pair: Pair, entry: Entry) -> None:
    if Version(pair.release) < Version(entry.since):
        pytest.skip(f"{pair.release} has nothing of this kind")
    cases = pair.cases(entry.needed_by)
    assert any(entry.covers(case) for case in cases), "take it out: nothing of this kind differs"


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.name)
def test_the_documents_say_what_an_entry_allows(entry: Entry) -> None:
    told = "".join((ROOT / name).read_text(encoding="utf-8") for name in TOLD)
    assert _plain(entry.line) in _plain(told), f"not in {TOLD}: {entry.line}"


def _plain(text: str) -> str:
    return " ".join(text.split())
