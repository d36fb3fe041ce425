"""Who records the spans of the calls that are measured."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult


class Dropping(SpanExporter):
    """Exports to nowhere: what is measured ends where an exporter's own work begins."""

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        """Takes spans."""
        return SpanExportResult.SUCCESS


def set_up(backend: str, home: Path, validators: Iterable[type]) -> Callable[[], object]:
    """Has this process's spans recorded.

    Args:
        backend: `off`, `opentelemetry` or `mlflow`.
        home: Where MLflow's store goes.
        validators: What is exported from the hub: upstream's instrumentor knows no others.

    Returns:
        What waits until all that is recorded is written.
    """
    if backend == "off":
        return lambda: None
    if backend == "opentelemetry":
        provider = TracerProvider()
        # Nothing is lost, however many spans wait: that would be work saved.
        waiting = BatchSpanProcessor(Dropping(), max_queue_size=1_000_000)
        provider.add_span_processor(waiting)
        trace.set_tracer_provider(provider)
        return provider.force_flush
    # As MLflow comes: it writes from threads of its own.
    os.environ.pop("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", None)
    import guardrails.hub
    import mlflow
    from guardrails.integrations.databricks import MlFlowInstrumentor

    for cls in validators:
        setattr(guardrails.hub, cls.__name__, cls)
    mlflow.set_tracking_uri(f"sqlite:///{home / 'mlflow.db'}")
    MlFlowInstrumentor("bench").instrument()
    return mlflow.flush_trace_async_logging
