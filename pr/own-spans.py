"""Under MlFlowInstrumentor the LLM's text is written on the application's span."""

import tempfile

import mlflow
from guardrails import Guard
from guardrails.integrations.databricks import MlFlowInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

mlflow.set_tracking_uri(f"sqlite:///{tempfile.mkdtemp()}/mlflow.db")
mlflow.tracing.configure(span_processors=[])
trace.set_tracer_provider(TracerProvider())


def llm(*args, messages=None, **kwargs):
    return "Hello, Alice."


MlFlowInstrumentor("calls").instrument()
with trace.get_tracer("application").start_as_current_span("handle request") as span:
    Guard()(llm, messages=[{"role": "user", "content": "Hello"}])
for name in ("input.value", "output.value"):
    print(f"{name} of the application's own span:", span.attributes.get(name))
