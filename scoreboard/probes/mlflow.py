"""D5, D6, D8 to D10: MLflow's streams, attributes and instrumentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import guardrails.hub
import mlflow
from guardrails.integrations.databricks import MlFlowInstrumentor
from guardrails.validator_base import PassResult, ValidationResult, Validator, register_validator
from opentelemetry import trace
from regression.backends import BACKENDS
from regression.playing import play
from regression.scenarios import METHODS, Scenario
from regression.spans import seen_paths
from regression.stage import ROOT, Stage

from scoreboard.cells import Faults, probes
from scoreboard.situations import CHUNKS, GUARDS, LOOPS, Llm, called, guard_of, stream_of, text_of

BACKEND_NAMES = ("mlflow", "mlflow-shared")
GUARD, STEP, CALL = (f"guardrails/guard{rest}" for rest in ("", "/step", "/step/call"))
HUSH = "hush-this-is-a-secret"


def recorded() -> list[Any]:
    """Every span of the experiment that is active, with its attributes."""
    return [span for each in mlflow.search_traces(return_type="list") for span in each.data.spans]


@probes("D5", "a stream under MLflow", GUARDS, BACKEND_NAMES)
def stream(kind: str, backend: str) -> Faults:
    """A stream works, and is one trace."""
    with BACKENDS[backend]() as tracing:
        stage = Stage(tracing)
        text = called(kind, lambda: _read(stage), lambda: _async_read(stage))
        paths = seen_paths(tracing.finished())
    wanted = {(ROOT,): 1, (ROOT, GUARD): 1, (ROOT, GUARD, STEP): 1, (ROOT, GUARD, STEP, CALL): 1}
    faults = [] if text == "".join(CHUNKS) else [f"the text is {text!r}"]
    return faults + ([] if paths == Counter(wanted) else [f"the paths are {sorted(paths)}"])


def _read(stage: Stage) -> str:
    with stage.caller():
        return text_of(list(stream_of("Guard", Llm(stage))))


async def _async_read(stage: Stage) -> str:
    with stage.caller():
        return text_of([each async for each in await stream_of("AsyncGuard", Llm(stage))])


@probes("D6", "chunks read before the first comes out", GUARDS, BACKEND_NAMES)
def first_chunk(kind: str, backend: str) -> Faults:
    """The first chunk is the user's before the LLM is asked for the second."""
    with BACKENDS[backend]() as tracing:
        llm = Llm(Stage(tracing))
        asked = called(kind, lambda: _first(llm), lambda: _async_first(llm))
    return [] if asked == 1 else [f"the LLM was asked for {asked} chunks"]


def _first(llm: Llm) -> int:
    stream = stream_of("Guard", llm)
    next(stream)
    asked = llm.asked
    stream.close()
    return asked


async def _async_first(llm: Llm) -> int:
    stream = await stream_of("AsyncGuard", llm)
    await anext(stream)
    asked = llm.asked
    await stream.aclose()
    return asked


@probes("D8", "attributes of the caller's own OpenTelemetry span", GUARDS, METHODS)
def callers_span(kind: str, method: str) -> Faults:
    """Guardrails writes nothing on a span that is not its own."""
    with BACKENDS["mlflow"]() as tracing:
        stage = Stage(tracing)
        with trace.get_tracer("tests").start_as_current_span("the caller's") as span:
            play(Scenario(kind, method, LOOPS[kind], "validate", "mlflow"), stage)
    return [f"{name} is on the caller's span" for name in getattr(span, "attributes", None) or {}]


ATTRIBUTES = ("the value as input", "the validator's secret", "the session")


class KeepsASecret(Validator):
    """A validator with a credential among its attributes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.credential = HUSH

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        return PassResult()


@contextmanager
def _installed() -> Iterator[type[KeepsASecret]]:
    """The validator as one of the hub, in a class of its own: instrumenting changes it."""
    cls = register_validator(name="tests/keeps", data_type="all")(
        type("Keeps", (KeepsASecret,), {})
    )
    with mock.patch.object(guardrails.hub, "Keeps", cls, create=True):
        yield cls


@probes("D9", "a validation's attributes under MLflow", GUARDS, ATTRIBUTES)
def attributes(kind: str, what: str) -> Faults:
    """The value is the input, the session is known, and no secret of the validator shows up."""
    with _installed() as cls, BACKENDS["mlflow"]():
        guard = guard_of(kind, cls(on_fail="noop"))
        called(kind, lambda: guard.validate("an answer"), lambda: guard.validate("an answer"))
        spans = [s.attributes for s in recorded() if s.name == "tests/keeps.validate"]
    return _attribute_faults(what, spans)


def _attribute_faults(what: str, spans: list[Any]) -> Faults:
    if not spans:
        return ["the validation has no span"]
    if what == ATTRIBUTES[1]:
        return ["the secret was recorded"] if HUSH in str(spans) else []
    if what == ATTRIBUTES[2]:
        sessions = {str(each.get("validation_session_id")) for each in spans}
        return ["the session is unknown"] if {"unknown", "None"} & sessions else []
    inputs = [str(each.get("validator.validate.input.value")) for each in spans]
    return [] if set(inputs) == {"an answer"} else [f"the input is {inputs}"[:80]]


@probes("D10", "instrumented twice", GUARDS, ("__call__", "validate"))
def twice(kind: str, method: str) -> Faults:
    """A second call of `instrument()` changes nothing."""
    with BACKENDS["mlflow"]() as tracing:
        MlFlowInstrumentor(f"twice-{kind}-{method}").instrument()
        scenario = Scenario(kind, method, LOOPS[kind], "validate", "mlflow")
        play(scenario, Stage(tracing))
        names = Counter(span.name for span in recorded())
    return [f"{names[each]} spans of {each}" for each in (GUARD, STEP, CALL) if names[each] != 1]
