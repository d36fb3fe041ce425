"""A span that a validator opens is the root of a trace of its own."""

import asyncio
from contextvars import ContextVar

from guardrails import AsyncGuard
from guardrails.validator_base import PassResult, Validator, register_validator
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
tracer = trace.get_tracer("application")
user = ContextVar("user", default="unknown")


@register_validator("test/judge", data_type="string")
class Judge(Validator):
    def _validate(self, value, metadata):
        with tracer.start_as_current_span("ask a judge"):
            print("user:", user.get(), "- tenant:", baggage.get_baggage("tenant"))
        return PassResult()


async def main():
    user.set("alice")
    context.attach(baggage.set_baggage("tenant", "blue"))
    with tracer.start_as_current_span("handle request"):
        await AsyncGuard().use(Judge()).validate("text")


def show(spans, parent=None, indent=""):
    for span in spans:
        if (span.parent and span.parent.span_id) == parent:
            orphan = not span.parent and span.name != "handle request"
            print(indent + ("ORPHAN " if orphan else "") + span.name)
            show(spans, span.context.span_id, indent + "  ")


asyncio.run(main())
show(sorted(exporter.get_finished_spans(), key=lambda span: span.start_time))
