"""Where users share a guard, one user's prompt is recorded on another's span."""

import threading

from guardrails import Guard
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
guard = Guard()


def ask(user):
    def llm(*args, messages=None, **kwargs):
        if user == "alice":
            call("bob")
        return f"Hello, {user}."

    return guard(llm, messages=[{"role": "user", "content": f"I am {user}."}])


def call(user):
    thread = threading.Thread(target=ask, args=(user,))
    thread.start()
    thread.join()


call("alice")
for span in exporter.get_finished_spans():
    if span.attributes.get("type") == "guardrails/guard":
        asked = [user for user in ("alice", "bob") if user in span.attributes["input.value"]]
        print(f"span of {span.attributes['output.value']!r}: asked by {asked}")
