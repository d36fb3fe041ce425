"""The application: `uvicorn service.app:app`; five ways to put a Guard behind an endpoint.

Guards are shared between all requests, as an application's are. Whoever takes part notes on a span
which tenant it sees: the LLM's callable, the validator, and the endpoint.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import httpx
from anyio import CancelScope
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import iterate_in_threadpool, run_in_threadpool
from fastapi.responses import StreamingResponse
from guardrails import AsyncGuard, Guard
from guardrails.validator_base import (
    FailResult,
    PassResult,
    ValidationResult,
    Validator,
    register_validator,
)
from opentelemetry import trace

from service import config, tracing

CONFIG = config.read()
TENANT: ContextVar[str] = ContextVar("tenant", default="")
TIMEOUT = 30


@asynccontextmanager
async def _sending(_app: FastAPI) -> AsyncIterator[None]:
    yield
    await asyncio.to_thread(tracing.flush)


tracing.record(CONFIG)
app = FastAPI(lifespan=_sending)
tracer = trace.get_tracer("service.app")
blocking = httpx.Client(base_url=CONFIG.llm, timeout=TIMEOUT)


def seen() -> dict[str, str]:
    """The tenant that the ContextVar holds here; the one in the baggage is on every span."""
    return {"tenant.variable": TENANT.get()}


@register_validator(name="service/own-tenant", data_type="string")
class OwnTenant(Validator):
    """Passes what names the caller's tenant and nobody else."""

    def _validate(self, value: Any, _metadata: dict[str, Any]) -> ValidationResult:
        with tracer.start_as_current_span("check", attributes=seen()) as span:
            own = all(word.startswith(f"{TENANT.get()}-") for word in str(value).split())
            span.set_attribute("value", str(value))
        return PassResult() if own else FailResult(error_message="somebody else's answer")

    def _chunking_function(self, chunk: str) -> list[str]:
        head, dot, tail = chunk.partition(". ")
        return [head + dot, tail] if dot else []


def _guard(cls: Any) -> Any:
    guard = cls.for_string([OwnTenant(on_fail="noop")], name="answers")
    guard.configure(num_reasks=0)
    return guard


GUARD, ASYNC_GUARD = _guard(Guard), _guard(AsyncGuard)


# --- the LLM -------------------------------------------------------------------------------


def ask(*_args: Any, tenant: str, **_kwargs: Any) -> str:
    """Asks the LLM; the span that comes with the request is httpx's own."""
    with tracer.start_as_current_span("ask", attributes=seen()):
        answer = blocking.post("/complete", json={"tenant": tenant})
        return str(answer.json()["text"])


async def ask_async(*_args: Any, tenant: str, **_kwargs: Any) -> str:
    """Asks the LLM without waiting for it in this thread."""
    with tracer.start_as_current_span("ask", attributes=seen()):
        async with httpx.AsyncClient(base_url=CONFIG.llm, timeout=TIMEOUT) as client:
            answer = await client.post("/complete", json={"tenant": tenant})
            return str(answer.json()["text"])


def ask_stream(*_args: Any, tenant: str, **_kwargs: Any) -> Iterator[str]:
    """Asks the LLM for an answer in pieces."""
    with tracer.start_as_current_span("ask", attributes=seen()):
        request = blocking.build_request("POST", "/stream", json={"tenant": tenant})
        answer = blocking.send(request, stream=True)
    try:
        yield from answer.iter_text()
    finally:
        answer.close()


class Answer:
    """What guardrails takes for an asynchronous stream: litellm's have this attribute."""

    def __init__(self, pieces: AsyncIterator[str]) -> None:
        self.completion_stream = pieces


async def ask_async_stream(*_args: Any, tenant: str, **_kwargs: Any) -> Answer:
    """Asks the LLM for an answer in pieces, without waiting in this thread."""

    async def pieces() -> AsyncIterator[str]:
        async with httpx.AsyncClient(base_url=CONFIG.llm, timeout=TIMEOUT) as client:
            with tracer.start_as_current_span("ask", attributes=seen()):
                request = client.build_request("POST", "/stream", json={"tenant": tenant})
                answer = await client.send(request, stream=True)
            try:
                async for piece in answer.aiter_text():
                    yield piece
            finally:
                await answer.aclose()

    return Answer(pieces())


def _asked(tenant: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"a question of {tenant}"}], "tenant": tenant}


# --- the endpoints -------------------------------------------------------------------------


def _received(request: Request) -> tuple[str, dict[str, str]]:
    """Takes in whose request it is; returns the tenant, and headers for whoever checks."""
    tenant = request.headers["x-tenant"]
    TENANT.set(tenant)
    span = trace.get_current_span()
    span.set_attributes(seen())
    trace_id = trace.format_trace_id(span.get_span_context().trace_id)
    return tenant, {"x-trace": trace_id, "x-worker": str(os.getpid())}


@app.get("/ready")
async def ready() -> dict[str, int]:
    """Whether the application is up, and which worker answers."""
    return {"pid": os.getpid()}


@app.post("/sync")
def sync(request: Request) -> Response:
    """A Guard in a worker thread."""
    tenant, headers = _received(request)
    outcome = GUARD(ask, **_asked(tenant))
    return Response(str(outcome.validated_output), headers=headers)


@app.post("/sync-on-loop")
async def sync_on_loop(request: Request) -> Response:
    """A Guard that is called where an event loop runs, and blocks it."""
    tenant, headers = _received(request)
    outcome = GUARD(ask, **_asked(tenant))
    return Response(str(outcome.validated_output), headers=headers)


@app.post("/async")
async def on_loop(request: Request) -> Response:
    """An AsyncGuard."""
    tenant, headers = _received(request)
    outcome = await ASYNC_GUARD(ask_async, **_asked(tenant))
    return Response(str(outcome.validated_output), headers=headers)


@app.post("/stream")
def stream(request: Request) -> StreamingResponse:
    """A Guard's stream, of which each chunk is read in another worker thread."""
    tenant, headers = _received(request)
    outcomes = GUARD(ask_stream, stream=True, **_asked(tenant))

    async def pieces() -> AsyncIterator[str]:
        try:
            async for outcome in iterate_in_threadpool(outcomes):
                yield str(outcome.validated_output or "")
        finally:
            # Where a client hangs up, nobody else closes it until the garbage collector comes by:
            # at any moment, in the middle of what the HTTP client holds a lock for, too.
            with CancelScope(shield=True):
                await run_in_threadpool(outcomes.close)

    return StreamingResponse(pieces(), headers=headers, media_type="text/plain")


@app.post("/async-stream")
async def async_stream(request: Request) -> StreamingResponse:
    """An AsyncGuard's stream."""
    tenant, headers = _received(request)
    outcomes = await ASYNC_GUARD(ask_async_stream, stream=True, **_asked(tenant))

    async def pieces() -> AsyncIterator[str]:
        try:
            async for outcome in outcomes:
                yield str(outcome.validated_output or "")
        finally:
            with CancelScope(shield=True):
                await outcomes.aclose()

    return StreamingResponse(pieces(), headers=headers, media_type="text/plain")


tracing.instrument(app)
