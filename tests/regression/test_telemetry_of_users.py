"""What users have hung into OpenTelemetry, and their use of guardrails' telemetry, stays."""

import tracemalloc
from typing import Any
from unittest import mock

import pytest
from guardrails.settings import settings
from guardrails.telemetry import common, trace_llm_call, trace_operation
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from .backends import global_provider, opentelemetry
from .loops import run_async_guard, run_guard
from .own_validators import Own
from .patches import Patch, repaired_by, unchanged_by
from .playing import MESSAGES, make_guard
from .recording import recording
from .release import REDACTS

GUARDS = ("Guard", "AsyncGuard")
MAIL = "someone@example.org"


def ask(kind: str, answer: Any = None, value: str = "An answer.") -> None:
    """Has a Guard ask an LLM, which calls `answer` meanwhile."""
    guard = make_guard(kind, [Own(on_fail="noop").noting()])  # type: ignore[list-item]

    def llm(*args: Any, messages: Any = None, **kwargs: Any) -> str:
        if answer is not None:
            answer()
        return value

    async def async_llm(*args: Any, messages: Any = None, **kwargs: Any) -> str:
        return llm()

    if kind == "Guard":
        run_guard("idle", lambda: guard(llm, messages=MESSAGES))
    else:
        run_async_guard("running", lambda: guard(async_llm, messages=MESSAGES))


class Redactor(SpanProcessor):
    """A user's redactor: whatever is set as an attribute passes it."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Hooks the span's set_attribute."""
        set_attribute = span.set_attribute
        span.set_attribute = lambda key, value: set_attribute(key, str(value).replace(MAIL, "-"))


@unchanged_by(Patch.RECORDED)
@pytest.mark.parametrize("kind", GUARDS)
def test_a_redactor_that_hooks_set_attribute_is_not_bypassed(kind: str) -> None:
    with opentelemetry() as tracing:
        provider: Any = trace.get_tracer_provider()
        provider.add_span_processor(Redactor())
        token = context.attach(baggage.set_baggage("user.id", MAIL))
        try:
            ask(kind, value=f"Write to {MAIL}.")
        finally:
            context.detach(token)
        spans: Any = tracing
        written = [str(dict(span.attributes)) for span in spans.exported()]
    assert len(written) > 3
    assert [each for each in written if MAIL in each] == []


class Routing(trace.TracerProvider):
    """A provider with others behind it, of which it asks one at a time: a tenant's."""

    def __init__(self) -> None:
        self.tenant = ""
        self.exporters: dict[str, InMemorySpanExporter] = {}
        self._providers: dict[str, TracerProvider] = {}

    def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
        """The tracer of the tenant whose turn it is."""
        return self._providers[self.tenant].get_tracer(*args, **kwargs)

    def turn(self, tenant: str) -> None:
        """It is this tenant's turn."""
        self.tenant = tenant
        if tenant not in self._providers:
            self._providers[tenant] = TracerProvider()
            self.exporters[tenant] = InMemorySpanExporter()
            self._providers[tenant].add_span_processor(SimpleSpanProcessor(self.exporters[tenant]))


@unchanged_by(Patch.RECORDED)
@pytest.mark.parametrize("kind", GUARDS)
def test_each_tenant_has_its_own_spans(kind: str) -> None:
    provider, counts = Routing(), list[int]()
    with global_provider(provider):
        for tenant in ("one", "another", "one"):
            provider.turn(tenant)
            ask(kind)
            counts.append(len(provider.exporters[tenant].get_finished_spans()))
    assert counts == [counts[0], counts[0], 2 * counts[0]]
    assert counts[0] > 3


@unchanged_by(Patch.RECORDED)
def test_a_function_that_gives_out_tracers_is_asked_each_time() -> None:
    provider = Routing()
    asked = mock.patch.object(trace, "get_tracer", provider.get_tracer)
    with global_provider(TracerProvider()), asked:
        for tenant in ("one", "another"):
            provider.turn(tenant)
            ask("Guard")
    one, another = (exporter.get_finished_spans() for exporter in provider.exporters.values())
    assert len(one) == len(another) > 3


def trace_own_call() -> None:
    """Traces a call of the user's own with guardrails' public functions."""
    trace_operation(input_mime_type="text/plain", input_value="in", output_value={"key": "out"})
    trace_llm_call(model_name="a-model", token_count_total=3, output_messages=[{"role": "user"}])


WRITTEN = {
    "input.mime_type": "text/plain",
    "input.value": "in",
    "output.value": '{"key": "out"}',
    "llm.model_name": "a-model",
    "llm.token_count.total": 3,
}


@unchanged_by(Patch.ATTRIBUTES)
@pytest.mark.parametrize("disabled", [None, True], ids=["tracing on", "tracing off"])
def test_public_functions_write_on_the_users_own_span(disabled: Any) -> None:
    with opentelemetry() as tracing:
        settings.disable_tracing = disabled
        with tracing.span("the user's"):
            trace_own_call()
        spans: Any = tracing
        (span,) = spans.exported()
    assert WRITTEN.items() <= dict(span.attributes).items()


@unchanged_by(Patch.ATTRIBUTES)
@pytest.mark.parametrize("instrumented", [False, True], ids=["tracing off", "mlflow"])
@pytest.mark.parametrize("kind", GUARDS)
def test_public_functions_write_on_the_span_of_a_users_own_llm(
    kind: str, instrumented: bool
) -> None:
    def answer() -> None:
        with trace.get_tracer("tests").start_as_current_span("the user's"):
            trace_own_call()

    with recording(Own) as recorded:
        settings.disable_tracing = True
        if instrumented:
            recorded.instrumentor.instrument()
        ask(kind, answer)
        (span,) = recorded.application.exported()
    assert WRITTEN.items() <= dict(span.attributes).items()


@repaired_by(Patch.REDACTED)
@pytest.mark.skipif(not REDACTS, reason="arguments are redacted from 0.6.3 on")
@pytest.mark.parametrize("kind", GUARDS)
def test_an_answer_that_is_nested_too_deep_is_an_answer(kind: str) -> None:
    deep = "[" * 200_000
    with opentelemetry() as tracing:
        guard = make_guard(kind, [Own(on_fail="noop").noting()])  # type: ignore[list-item]
        if kind == "Guard":
            outcome = run_guard("idle", lambda: guard.parse(deep))
        else:
            outcome = run_async_guard("running", lambda: guard.parse(deep))
        assert outcome.validated_output == deep
        assert "step" in [span.name for span in tracing.finished()]


@unchanged_by(Patch.REDACTED)
@pytest.mark.skipif(not REDACTS, reason="arguments are redacted from 0.6.3 on")
def test_text_is_redacted_without_a_copy() -> None:
    text = "prose " * 200_000
    common.recursive_key_operation(text, common.redact)
    tracemalloc.start()
    try:
        assert common.recursive_key_operation(text, common.redact) is text
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(text) / 10
