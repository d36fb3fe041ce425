"""Spans of a guarded stream are in the wrong places, and the LLM callable loses its guard."""

from guardrails import Guard
from guardrails.stores.context import get_call_kwarg, get_guard_name
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
tracer = trace.get_tracer("application")


def llm(*args, messages=None, **kwargs):
    print("guard name:", repr(get_guard_name()), "- api_key:", repr(get_call_kwarg("api_key")))
    yield from ("One two. ", "Three four. ")


def show(spans, parent=None, indent=""):
    for span in spans:
        if (span.parent and span.parent.span_id) == parent:
            print(indent + span.name)
            show(spans, span.context.span_id, indent + "  ")


with tracer.start_as_current_span("handle request"):
    messages = [{"role": "user", "content": "Count."}]
    stream = Guard(name="polite")(llm, messages=messages, api_key="sk-secret", stream=True)
    print("ended before the first chunk:", [span.name for span in exporter.get_finished_spans()])
    for _ in stream:
        with tracer.start_as_current_span("send chunk"):
            pass
show(sorted(exporter.get_finished_spans(), key=lambda span: span.start_time))
