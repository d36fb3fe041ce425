"""MLflow beside an application that traces with OpenTelemetry, and every attribute of both."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import guardrails.hub
import mlflow.tracing
from guardrails.integrations.databricks import MlFlowInstrumentor
from mlflow import MlflowClient
from opentelemetry import trace

from .backends import MlflowTracing, OpenTelemetryTracing, name_of, opentelemetry
from .instrumentation import restored
from .release import SHARES_PROVIDER

_taken = iter(range(1_000_000))


@dataclass
class Recording:
    """What MLflow and the application's own exporter recorded.

    Attributes:
        mlflow: The spans in MLflow's store.
        application: The spans of OpenTelemetry's global provider.
        experiment: The experiment that MLflow records for.
        instrumentor: What traces guardrails with MLflow.
    """

    mlflow: MlflowTracing
    application: OpenTelemetryTracing
    experiment: str
    instrumentor: MlFlowInstrumentor

    def attributes(self, name: str) -> list[dict[str, Any]]:
        """The attributes of each of MLflow's spans that has this name."""
        return [span.attributes for span in self._spans() if name_of(span) == name]

    def names(self) -> list[str]:
        """The names of MLflow's spans."""
        return [name_of(span) for span in self._spans()]

    def text(self) -> str:
        """Everything that was exported to either, as one text."""
        ours = [str(span.to_dict()) for span in self._spans()]
        return "\n".join(ours + [span.to_json() for span in self.application.exported()])

    def _spans(self) -> list[Any]:
        found = mlflow.get_experiment_by_name(self.experiment)
        if found is None:
            return []
        traces = MlflowClient().search_traces([found.experiment_id], max_results=500)
        return [span for each in traces for span in each.data.spans]

    @contextmanager
    def calling(self, name: str = "application") -> Iterator[None]:
        """A span of the application's, by OpenTelemetry, is current."""
        with trace.get_tracer("tests").start_as_current_span(name):
            yield

    def beside(self) -> AbstractContextManager[None]:
        """The same, where MLflow records beside it.

        An older MLflow takes the application's span for its own's parent, and waits for it to
        end a trace that it knows nothing of.
        """
        return self.calling() if SHARES_PROVIDER else nullcontext()


@contextmanager
def recording(*exported: type) -> Iterator[Recording]:
    """MLflow as it comes, with nothing instrumented; guardrails.hub exports these classes."""
    with ExitStack() as stack:
        application: Any = stack.enter_context(opentelemetry())
        stack.callback(mlflow.tracing.reset)
        stack.enter_context(restored())
        stack.enter_context(_exported(*exported))
        experiment = f"recording-{next(_taken)}"
        yield Recording(
            MlflowTracing(experiment), application, experiment, MlFlowInstrumentor(experiment)
        )


@contextmanager
def _exported(*classes: type) -> Iterator[None]:
    before = {cls: dict(vars(cls)) for cls in classes}
    for cls in classes:
        setattr(guardrails.hub, cls.__name__, cls)
    try:
        yield
    finally:
        for cls, own in before.items():
            delattr(guardrails.hub, cls.__name__)
            _restore(cls, own)


def _restore(cls: type, own: dict[str, Any]) -> None:
    for name in ("validate", "async_validate"):
        if name in own:
            setattr(cls, name, own[name])
        elif name in vars(cls):
            delattr(cls, name)
