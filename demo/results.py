"""What a subject's scenario wrote, read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo import spans
from demo.spans import Span
from demo.subjects import Subject

FOLDER = Path("out/demo")
STORE = FOLDER / "mlflow.db"


class Missing(Exception):
    """There is no usable result; the text is one line that says what to do."""


@dataclass(frozen=True)
class Sighting:
    """One look for one variable.

    Attributes:
        place: Who looked.
        variable: Which of the variables it looked for.
        lost: Whether it did not find what had been set.
    """

    place: str
    variable: str
    lost: bool


@dataclass(frozen=True)
class Call:
    """One call of a Guard.

    Attributes:
        kind: The Guard's class.
        caller: The id of the caller's own span.
        spans: Every span exported meanwhile, in the order in which they started.
        seen: What everybody whom the Guard called saw.
        left: The caller's variables that hold the call's API key afterwards.
    """

    kind: str
    caller: str
    spans: tuple[Span, ...]
    seen: tuple[Sighting, ...]
    left: tuple[str, ...]

    @property
    def orphans(self) -> list[Span]:
        """The roots that should have had a parent."""
        return spans.orphans(self.spans, self.caller)


@dataclass(frozen=True)
class Result:
    """What one subject did.

    Attributes:
        subject: The subject.
        versions: Of guardrails-ai, Python and MLflow.
        experiment: The id of its MLflow experiment.
        calls: Its calls.
    """

    subject: Subject
    versions: Mapping[str, str]
    experiment: str
    calls: tuple[Call, ...]

    @property
    def traces(self) -> list[str]:
        """The ids of its traces."""
        return list(dict.fromkeys(span.trace for call in self.calls for span in call.spans))

    @property
    def orphans(self) -> list[Span]:
        """The orphans of all its calls."""
        return [span for call in self.calls for span in call.orphans]

    @property
    def seen(self) -> list[Sighting]:
        """The sightings of all its calls."""
        return [sighting for call in self.calls for sighting in call.seen]

    @property
    def lost(self) -> list[Sighting]:
        """The sightings that did not find what had been set."""
        return [sighting for sighting in self.seen if sighting.lost]

    @property
    def left(self) -> list[str]:
        """What its calls left behind at the caller."""
        return [name for call in self.calls for name in call.left]


def path(folder: Path, subject: Subject) -> Path:
    """The file of a subject's result."""
    return folder / f"{subject.slug}.json"


def load(folder: Path, subject: Subject) -> Result:
    """Read a subject's result.

    Raises:
        Missing: If there is none, or one that cannot be read.
    """
    file = path(folder, subject)
    try:
        return parse(subject, json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise Missing(f"{file}: no result of {subject.name}: run `make demo`") from None
    except (ValueError, KeyError, TypeError) as error:
        raise Missing(f"{file}: damaged or outdated ({error!r}): run `make demo`") from None


def parse(subject: Subject, content: Mapping[str, Any]) -> Result:
    """A subject's result, from what its scenario wrote."""
    versions = {name: str(content[name]) for name in ("guardrails", "python", "mlflow")}
    calls = tuple(_call(call) for call in content["calls"])
    return Result(subject, versions, str(content["experiment"]), calls)


def _call(content: Mapping[str, Any]) -> Call:
    return Call(
        content["kind"],
        content["caller"],
        tuple(_span(span) for span in content["spans"]),
        tuple(_sighting(sighting) for sighting in content["seen"]),
        tuple(content["left"]),
    )


def _span(content: Mapping[str, Any]) -> Span:
    # One that never ended has no place in a picture of what took how long.
    times = {name: int(content[name]) for name in ("start", "end")}
    return Span(**{**content, **times})


def _sighting(content: Mapping[str, str]) -> Sighting:
    lost = content["found"] != content["expected"]
    return Sighting(content["place"], content["variable"], lost)
