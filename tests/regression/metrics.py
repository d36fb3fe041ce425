"""guardrails' usage metrics, switched on and kept on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from guardrails.utils.hub_telemetry_utils import HubTelemetry
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .playing import make_guard

Traces = list[tuple[str, ...]]


@contextmanager
def collected() -> Iterator[InMemorySpanExporter]:
    """What guardrails would have sent, in memory; it starts with nothing to continue."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry = HubTelemetry()
    changes: dict[str, Any] = {
        "_enabled": True,
        "_tracer": provider.get_tracer("hub"),
        "_prop": TraceContextTextMapPropagator(),
    }
    if hasattr(telemetry, "_carrier"):
        changes["_carrier"] = {}
    with mock.patch.multiple(telemetry, **changes):
        yield exporter


def measured(kind: str, check: Any) -> Any:
    """A Guard that collects metrics."""
    guard = make_guard(kind, [check])
    guard.configure(allow_metrics_collection=True)
    return guard


def roots(exporter: InMemorySpanExporter) -> Traces:
    """The names of the spans without a parent, trace by trace."""
    traces: dict[int, list[str]] = {}
    for span in exporter.get_finished_spans():
        names = traces.setdefault(span.context.trace_id, [])
        if span.parent is None:
            names.append(span.name)
    return sorted(tuple(names) for names in traces.values())
