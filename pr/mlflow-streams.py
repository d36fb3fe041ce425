"""Under MlFlowInstrumentor streams fail."""

import asyncio
import tempfile
from types import SimpleNamespace

import mlflow
from guardrails import AsyncGuard, Guard
from guardrails.integrations.databricks import MlFlowInstrumentor

mlflow.set_tracking_uri(f"sqlite:///{tempfile.mkdtemp()}/mlflow.db")
mlflow.tracing.configure(span_processors=[])
ASK = {"messages": [{"role": "user", "content": "Hello"}], "stream": True}


def llm(*args, messages=None, **kwargs):
    yield "Hello, Alice."


async def async_llm(*args, messages=None, **kwargs):
    return SimpleNamespace(completion_stream=chunks())


async def chunks():
    yield "Hello, Alice."


async def read():
    return [chunk.validated_output async for chunk in await AsyncGuard()(async_llm, **ASK)]


def report(what, call):
    try:
        print(f"{what}:", call())
    except Exception as error:
        print(f"{what}: {type(error).__name__}: {error}")


MlFlowInstrumentor("calls").instrument()
report("Guard", lambda: [chunk.validated_output for chunk in Guard()(llm, **ASK)])
report("AsyncGuard", lambda: asyncio.run(read()))
