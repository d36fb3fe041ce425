"""Whether the demo shows what it is there to show: a demo that cannot fail proves nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from demo import spans
from demo.results import Call, Result

_STEP = "handle request > guardrails/guard > guardrails/guard/step"

# The one trace of a call, whichever Guard makes it.
WHOLE = sorted(
    (
        "handle request",
        "handle request > guardrails/guard",
        _STEP,
        f"{_STEP} > guardrails/guard/step/call",
        f"{_STEP} > guardrails/guard/step/call > chat writer",
        f"{_STEP} > demo/polite.validate",
        f"{_STEP} > demo/polite.validate > chat judge",
        f"{_STEP} > demo/no-phone.validate",
    )
)
# The LLM callable, two validators and an on_fail handler look for three variables each.
LOOKS = 12


def failures(results: Iterable[Result]) -> list[str]:
    """Everything that is not as it should be, one line each."""
    return [line for result in results for line in _of(result)]


def _of(result: Result) -> Iterator[str]:
    name = result.subject.name
    if not result.calls:
        yield f"{name}: was never called"
    if not result.subject.patched:
        if not result.orphans:
            yield f"{name}: shows no orphan span, so the scenario does not show the defect"
        return
    for call in result.calls:
        yield from (f"{name}, {call.kind}: {problem}" for problem in _problems(call))


def _problems(call: Call) -> Iterator[str]:
    if call.orphans:
        yield f"orphan spans: {', '.join(span.name for span in call.orphans)}"
    elif spans.paths(call.spans) != WHOLE:
        yield f"the trace is not the expected one: {'; '.join(_differences(call))}"
    for sighting in call.seen:
        if sighting.lost:
            yield f"{sighting.place} lost the {sighting.variable}"
    if len(call.seen) != LOOKS:
        yield f"{len(call.seen)} looks for variables instead of {LOOKS}: somebody was not called"
    if call.left:
        yield f"left the API key behind in {', '.join(call.left)}"


def _differences(call: Call) -> Iterator[str]:
    found = spans.paths(call.spans)
    for path in sorted({*found, *WHOLE}):
        have, want = found.count(path), WHOLE.count(path)
        if have != want:
            yield f"{path}: {have} instead of {want}"
