"""Under MlFlowInstrumentor streams fail, spans come twice, and text is on the caller's span."""

import asyncio
import tempfile
from types import SimpleNamespace

import mlflow
from guardrails import AsyncGuard
from guardrails.integrations.databricks import MlFlowInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

spans = []
mlflow.set_tracking_uri(f"sqlite:///{tempfile.mkdtemp()}/mlflow.db")
mlflow.tracing.configure(span_processors=[spans.append])
trace.set_tracer_provider(TracerProvider())
ASK = {"messages": [{"role": "user", "content": "Hello"}]}


async def llm(*args, messages=None, stream=False, **kwargs):
    return SimpleNamespace(completion_stream=chunks()) if stream else "Hello, Alice."


async def chunks():
    yield "Hello, Alice."


async def main():
    guard = AsyncGuard()
    with trace.get_tracer("application").start_as_current_span("handle request") as own:
        await guard(llm, **ASK)
    print("what MLflow recorded:")
    for span in reversed(spans):
        print(f"  {span.name}")
    print("output.value of the application's own span:", own.attributes.get("output.value"))
    try:
        stream = await guard(llm, stream=True, **ASK)
        print("stream:", [chunk.validated_output async for chunk in stream])
    except TypeError as error:
        print("stream:", error)


MlFlowInstrumentor("calls").instrument()
MlFlowInstrumentor("calls").instrument()
asyncio.run(main())
