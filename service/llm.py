"""The service that stands for an LLM: `uvicorn service.llm:app`; its answers name their tenant."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from opentelemetry import trace

from service import config, tracing


@asynccontextmanager
async def _sending(_app: FastAPI) -> AsyncIterator[None]:
    yield
    tracing.flush()


# It knows nothing of MLflow, whoever asks it.
tracing.record(replace(config.read(), backend="opentelemetry"))
app = FastAPI(lifespan=_sending)
tracer = trace.get_tracer("service.llm")


@app.get("/ready")
async def ready() -> dict[str, int]:
    """Whether the service is up."""
    return {"pid": os.getpid()}


@app.post("/complete")
async def complete(question: dict[str, Any]) -> dict[str, str]:
    """A whole answer."""
    with tracer.start_as_current_span("model"):
        return {"text": " ".join(_words(question))}


@app.post("/stream")
async def stream(question: dict[str, Any]) -> StreamingResponse:
    """An answer in pieces."""

    async def pieces() -> AsyncIterator[str]:
        for word in _words(question):
            yield f"{word} "

    with tracer.start_as_current_span("model"):
        return StreamingResponse(pieces(), media_type="text/plain")


def _words(question: dict[str, Any]) -> list[str]:
    return [f"{question['tenant']}-{number}." for number in range(8)]


tracing.instrument(app)
