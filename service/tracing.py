"""Who records spans in a process, and where they go: MLflow's server, in the end."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.processor.baggage import ALLOW_ALL_BAGGAGE_KEYS, BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from service.config import Config


def record(config: Config) -> None:
    """Makes a process record: with OpenTelemetry, or with MLflow's own client besides.

    Every span names the tenant that is in the baggage where it starts.
    """
    if config.backend == "mlflow":
        _send_with_mlflow(config)
    else:
        _send_with_otlp()
    provider: Any = trace.get_tracer_provider()
    provider.add_span_processor(BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS))


def _send_with_otlp() -> None:
    provider = TracerProvider()
    # `production.env` says where to.
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def _send_with_mlflow(config: Config) -> None:
    import mlflow
    from guardrails.integrations.databricks import MlFlowInstrumentor

    mlflow.set_tracking_uri(config.mlflow)
    mlflow.set_experiment(experiment_id=config.experiment)
    experiment = mlflow.get_experiment(config.experiment)
    MlFlowInstrumentor(experiment_name=experiment.name).instrument()
    # Otherwise there is no provider before MLflow's own first span, and the request's is missed.
    mlflow.tracing.enable()


def instrument(app: FastAPI) -> None:
    """Spans for what comes in and for what goes out, which carry W3C trace context and baggage."""
    FastAPIInstrumentor.instrument_app(
        app, exclude_spans=["receive", "send"], excluded_urls="ready"
    )
    HTTPXClientInstrumentor().instrument()


def flush() -> None:
    """Sends what is left."""
    provider: Any = trace.get_tracer_provider()
    provider.force_flush(60_000)
