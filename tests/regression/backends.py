"""Who records spans: OpenTelemetry's SDK, or MLflow with one of its two providers."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from typing import Any, Optional

import mlflow
import mlflow.tracing
from guardrails.settings import settings
from mlflow import MlflowClient
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from .instrumentation import exported_from_hub, restored
from .spans import Span

_experiments = count()


class Tracing:
    """Records spans, and shows what was recorded.

    Attributes:
        guard: The name that a Guard's own span has.
        step: The name of the span below it, one for each attempt.
        call: The name of the LLM call's span.
    """

    guard: str
    step: str
    call: str

    def span(self, name: str) -> AbstractContextManager[Any]:
        """Opens a span as the application or one of its clients does."""
        raise NotImplementedError

    def current(self) -> Optional[str]:
        """The name of the span that a new one would be a child of."""
        raise NotImplementedError

    def finished(self) -> list[Span]:
        """Everything that was recorded since this object was made."""
        raise NotImplementedError


class OpenTelemetryTracing(Tracing):
    """guardrails' own spans, exported by OpenTelemetry's SDK."""

    guard, step, call = "guard", "step", "call"

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def span(self, name: str) -> AbstractContextManager[Any]:
        """Opens a span with a tracer of the global provider."""
        return trace.get_tracer("tests").start_as_current_span(name)

    def current(self) -> Optional[str]:
        """The name of OpenTelemetry's current span."""
        return getattr(trace.get_current_span(), "name", None)

    def finished(self) -> list[Span]:
        """The spans that were exported."""
        return [_from_opentelemetry(span) for span in self.exported()]

    def exported(self) -> Sequence[Any]:
        """The spans as OpenTelemetry has them, with their attributes."""
        return self._exporter.get_finished_spans()


class MlflowTracing(Tracing):
    """MlFlowInstrumentor's spans, read back from MLflow's own store."""

    guard, step, call = "guardrails/guard", "guardrails/guard/step", "guardrails/guard/step/call"

    def __init__(self, experiment: str) -> None:
        self._experiment = experiment

    def span(self, name: str) -> AbstractContextManager[Any]:
        """Opens a span with MLflow's fluent API."""
        return mlflow.start_span(name)

    def current(self) -> Optional[str]:
        """The name of MLflow's active span, which has a runtime context of its own."""
        return getattr(mlflow.get_current_active_span(), "name", None)

    def finished(self) -> list[Span]:
        """The spans of every trace of the experiment."""
        found = mlflow.get_experiment_by_name(self._experiment)
        traces = MlflowClient().search_traces([found.experiment_id], max_results=500)
        return [_from_mlflow(span) for each in traces for span in each.data.spans]


class SharedMlflowTracing(MlflowTracing):
    """MLflow on OpenTelemetry's global provider: clients that know only the one take part."""

    def span(self, name: str) -> AbstractContextManager[Any]:
        """Opens the application's span with MLflow, and everybody else's with OpenTelemetry."""
        if name == "application":
            return mlflow.start_span(name)
        return trace.get_tracer("tests").start_as_current_span(name)

    def current(self) -> Optional[str]:
        """The name of OpenTelemetry's current span."""
        return getattr(trace.get_current_span(), "name", None)


@contextmanager
def opentelemetry() -> Iterator[Tracing]:
    """guardrails' own spans, with a provider that nobody else has used."""
    with _provider() as exporter:
        yield OpenTelemetryTracing(exporter)


@contextmanager
def mlflow_own(kind: type[MlflowTracing] = MlflowTracing) -> Iterator[Tracing]:
    """MLflow as it comes: with a provider and a runtime context of its own."""
    with ExitStack() as stack:
        stack.enter_context(_provider())
        stack.callback(mlflow.tracing.reset)
        stack.enter_context(restored())
        stack.enter_context(exported_from_hub())
        yield kind(_instrument())


@contextmanager
def mlflow_shared() -> Iterator[Tracing]:
    """MLflow on OpenTelemetry's global provider."""
    os.environ["MLFLOW_USE_DEFAULT_TRACER_PROVIDER"] = "false"
    try:
        with mlflow_own(SharedMlflowTracing) as tracing:
            yield tracing
    finally:
        del os.environ["MLFLOW_USE_DEFAULT_TRACER_PROVIDER"]


def _instrument() -> str:
    from guardrails.integrations.databricks import MlFlowInstrumentor

    experiment = f"experiment-{next(_experiments)}"
    MlFlowInstrumentor(experiment).instrument()
    return experiment


@contextmanager
def _provider() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    try:
        with global_provider(provider):
            yield exporter
    finally:
        provider.shutdown()


@contextmanager
def global_provider(provider: Any) -> Iterator[None]:
    """A global tracer provider, or none, and tracing switched on; both as before afterwards.

    OpenTelemetry lets a process set its provider once, hence the private name.
    """
    before, disabled = trace._TRACER_PROVIDER, settings.disable_tracing
    trace._TRACER_PROVIDER, settings.disable_tracing = provider, None
    try:
        yield
    finally:
        trace._TRACER_PROVIDER, settings.disable_tracing = before, disabled


def _from_opentelemetry(span: Any) -> Span:
    parent = format(span.parent.span_id, "x") if span.parent else None
    own = span.get_span_context()
    ids = format(own.span_id, "x"), parent, format(own.trace_id, "x")
    return Span(span.name, *ids, start=span.start_time, end=span.end_time)


def name_of(span: Any) -> str:
    """The name that an MLflow span was given: an older store numbers those that recur."""
    return re.sub(r"_\d+$", "", span.name)


def _from_mlflow(span: Any) -> Span:
    ids = span.span_id, span.parent_id, span.request_id
    return Span(name_of(span), *ids, start=span.start_time_ns, end=span.end_time_ns)


BACKENDS: dict[str, Any] = {
    "opentelemetry": opentelemetry,
    "mlflow": mlflow_own,
    "mlflow-shared": mlflow_shared,
}
