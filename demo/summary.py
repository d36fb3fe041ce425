"""The closing table's figures; what shows them does not matter here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from demo.results import Result

_VARIABLES = ("ContextVar", "baggage", "guard name")
COLUMNS = (
    "guardrails-ai",
    "traces",
    "orphan spans",
    *(f"{name} lost" for name in _VARIABLES),
    "left behind",
)


@dataclass(frozen=True)
class Figure:
    """One cell.

    Attributes:
        text: What it says.
        bad: Whether something is wrong; a name or a mere number cannot be.
    """

    text: str
    bad: bool | None = None


def row(result: Result) -> list[Figure]:
    """What one subject comes to: a figure for each column."""
    orphans, left = len(result.orphans), len(result.left)
    return [
        Figure(result.subject.name),
        Figure(str(len(result.traces))),
        Figure(str(orphans), orphans > 0),
        *(_lost(result, variable) for variable in _VARIABLES),
        Figure(str(left), left > 0),
    ]


def caption(found: Sequence[Result]) -> str:
    """What the table counts."""
    calls = " and ".join(call.kind for call in found[0].calls)
    return (
        f"{calls} called once each; {versions(found)}. A call should make one trace. An orphan is "
        "a root span that is not the caller's own. Lost: looks for a variable that did not find "
        "what was set, of all looks by the LLM callable, the two validators and the on_fail "
        "handler. Left behind: the caller's variables that hold the call's API key afterwards."
    )


def versions(found: Sequence[Result]) -> str:
    """What all of it ran on, but for guardrails-ai."""
    names = {"python": "Python", "mlflow": "MLflow"}
    return "; ".join(
        ", ".join(sorted({f"{name} {result.versions[key]}" for result in found}))
        for key, name in names.items()
    )


def counted(number: int, noun: str) -> str:
    """A number of things in words."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _lost(result: Result, variable: str) -> Figure:
    looks = [sighting for sighting in result.seen if sighting.variable == variable]
    lost = sum(sighting.lost for sighting in looks)
    return Figure(f"{lost} of {len(looks)}", lost > 0)
