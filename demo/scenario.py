"""Plays the scenario in one subject's environment and writes what was exported and seen as JSON.

`python -m demo.scenario SUBJECT STORE RESULT`, with the subject's own Python.
"""

from __future__ import annotations

import asyncio
import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# guardrails imports it in its first call, which takes longer than all else in the call's picture.
import litellm  # noqa: F401
import mlflow
from guardrails import AsyncGuard, Guard
from guardrails.integrations.databricks import MlFlowInstrumentor
from guardrails.version import GUARDRAILS_VERSION
from mlflow import MlflowClient

from demo import cast, witness

MESSAGES = [{"role": "user", "content": "Whom can I ask?"}]


def main(subject: str, store: str, result: Path) -> None:
    """Play every way of calling once, and write the result.

    Args:
        subject: The name of the MLflow experiment.
        store: The address of MLflow's store.
        result: The file to write.
    """
    mlflow.set_tracking_uri(store)
    cast.export_from_hub()
    MlFlowInstrumentor(experiment_name=subject).instrument()
    experiment = mlflow.get_experiment_by_name(subject).experiment_id
    # Guard goes first: asyncio.run leaves its thread without an event loop.
    calls = [_played(kind, play, experiment) for kind, play in PLAYS.items()]
    about = {"guardrails": GUARDRAILS_VERSION, "mlflow": mlflow.__version__}
    about |= {"python": platform.python_version(), "experiment": experiment}
    result.write_text(json.dumps({**about, "calls": calls}, indent=1) + "\n", encoding="utf-8")


def _played(kind: str, play: Callable[[], dict[str, Any]], experiment: str) -> dict[str, Any]:
    before = {trace["trace"] for trace in _spans(experiment)}
    told = play()
    spans = [span for span in _spans(experiment) if span["trace"] not in before]
    return {"kind": kind, "spans": spans, "seen": witness.sightings(), **told}


def _guard() -> dict[str, Any]:
    # With a loop that is set but idle, validators run on it: the way a plain script gets.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        guard = Guard.for_string(cast.validators(), name=witness.EXPECTED["guard name"])
        with witness.handed_down(), mlflow.start_span("handle request") as span:
            outcome = guard(cast.llm, messages=MESSAGES, api_key=witness.KEY)
            return _told(span, outcome)
    finally:
        loop.close()


async def _async_guard() -> dict[str, Any]:
    guard = AsyncGuard.for_string(cast.validators(), name=witness.EXPECTED["guard name"])
    with witness.handed_down(), mlflow.start_span("handle request") as span:
        outcome = await guard(cast.async_llm, messages=MESSAGES, api_key=witness.KEY)
        return _told(span, outcome)


def _told(span: Any, outcome: Any) -> dict[str, Any]:
    return {
        "caller": span.span_id,
        "output": outcome.validated_output,
        "left": witness.left_behind(),
    }


def _spans(experiment: str) -> list[dict[str, Any]]:
    """Every span in the store, in the order in which they started."""
    traces = MlflowClient().search_traces([experiment], max_results=500)
    spans = [span for trace in traces for span in trace.data.spans]
    return [
        {
            "trace": span.trace_id,
            "id": span.span_id,
            "parent": span.parent_id,
            "name": span.name,
            "start": span.start_time_ns,
            "end": span.end_time_ns,
        }
        for span in sorted(spans, key=lambda span: span.start_time_ns)
    ]


PLAYS: dict[str, Callable[[], dict[str, Any]]] = {
    "Guard": _guard,
    "AsyncGuard": lambda: asyncio.run(_async_guard()),
}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
