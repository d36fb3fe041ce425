"""A Guard that is given a secret wherever it takes one, and what was recorded of it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Optional

import mlflow
from guardrails.validator_base import (
    FailResult,
    ValidationResult,
    Validator,
    register_validator,
)
from mlflow import MlflowClient
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from .backends import BACKENDS

ANSWER = "An answer."


@dataclass
class Secrets:
    """Hands out secrets, each a different one.

    Attributes:
        by_place: What was handed out, by where it is put.
    """

    by_place: dict[str, str] = field(default_factory=dict)

    def __call__(self, place: str) -> str:
        """A secret for a place."""
        return self.by_place.setdefault(place, f"hush{len(self.by_place):02}-{place}-quiet")

    def seen_in(self, text: str) -> list[str]:
        """The places whose secrets can be read in a text, but for the last four characters."""
        return [place for place, secret in self.by_place.items() if secret[:-4] in text]


@register_validator(name="tests/takes-secrets", data_type="all")
class TakesSecrets(Validator):
    """A validator that is made with secrets, and repeats its metadata in its results."""

    def __init__(self, api_key: str, conn: str, on_fail: Any = None, **kwargs: Any) -> None:
        super().__init__(on_fail=on_fail, api_key=api_key, conn=conn, **kwargs)

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        return FailResult(error_message="found fault", metadata=metadata)


@dataclass
class Client:
    """A client that shows its key to whoever prints it."""

    api_key: str


def check(secrets: Secrets) -> Validator:
    """A validator with a secret in each of its arguments."""
    return TakesSecrets(
        secrets("positional"),
        f"postgresql://me:{secrets('connection')}@db/x",
        "noop",
        CLIENT_SECRET=secrets("capitals"),
        headers={"Authorization": f"Bearer {secrets('headers')}", "Accept": "*/*"},
        pairs=[("X-Api-Key", secrets("pairs"))],
        dsn=f"host=db user=me password={secrets('dsn')}",
        odbc=f"Server=db;Pwd={secrets('odbc')};Encrypt=yes",
        api_keys=[secrets("list")],
        client=Client(secrets("client")),
        service_account=json.dumps({"private_key": secrets("json")}),
    )


def metadata(secrets: Secrets) -> dict[str, Any]:
    """Metadata with secrets."""
    return {
        "API_KEY": secrets("metadata"),
        "tools": [{"name": "search", "clientSecret": secrets("nested metadata")}],
        "url": f"https://example.org/?a=b&token={secrets('metadata parameter')}",
    }


def kwargs(secrets: Secrets) -> dict[str, Any]:
    """An LLM call's keyword arguments with secrets."""
    return {
        "api_key": secrets("api_key"),
        "OPENAI_API_KEY": secrets("api_key in capitals"),
        "client_secret": secrets("client_secret"),
        "extra_headers": {"Authorization": secrets("authorization"), "X-Api-Key": secrets("x")},
        "base_url": f"https://me:{secrets('base_url')}@example.org/v1",
        "credentials": {"user": "me", "value": secrets("credentials")},
        "max_tokens": 16384,
    }


@dataclass
class Recorded:
    """What a backend recorded.

    Attributes:
        experiment: MLflow's experiment, if it is MLflow that records.
        exporter: What OpenTelemetry's global provider was given.
    """

    experiment: Optional[str]
    exporter: InMemorySpanExporter

    def spans(self) -> list[str]:
        """Everything there is of each span, as texts."""
        mine = [span.to_json() for span in self.exporter.get_finished_spans()]
        return mine + [
            json.dumps(span.to_dict()) for each in self._traces() for span in each.data.spans
        ]

    def text(self) -> str:
        """Everything that was recorded: spans with their events, previews, tags."""
        traces = [f"{each.info!r}\n{each.to_json()}" for each in self._traces()]
        return "\n".join(traces + self.spans())

    def _traces(self) -> list[Any]:
        if self.experiment is None:
            return []
        found = mlflow.get_experiment_by_name(self.experiment)
        return list(MlflowClient().search_traces([found.experiment_id], max_results=500))


@contextmanager
def recorded_by(backend: str) -> Iterator[Recorded]:
    """Has one of the backends record, and whatever reaches OpenTelemetry's provider besides."""
    with ExitStack() as stack:
        tracing = stack.enter_context(BACKENDS[backend]())
        exporter: Any = InMemorySpanExporter()
        provider: Any = trace.get_tracer_provider()
        # Where MLflow shares it there is none yet, and what reaches it is in MLflow's store.
        if hasattr(provider, "add_span_processor"):
            provider.add_span_processor(SimpleSpanProcessor(exporter))
        yield Recorded(getattr(tracing, "_experiment", None), exporter)
