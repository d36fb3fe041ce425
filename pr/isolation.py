"""Where users share a guard, one user's text reaches another's validator and another's span."""

from itertools import zip_longest

from guardrails import Guard
from guardrails.validator_base import PassResult, Validator, register_validator
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
USERS = "alice", "bob"


@register_validator("test/prints", data_type="string")
class Prints(Validator):
    def _validate(self, value, metadata):
        print("validated:", value)
        return PassResult()


def llm(*args, messages=None, **kwargs):
    user = messages[0]["content"]
    yield from (f"{user}'s code ", f"is {user}-1. ")


guard = Guard().use(Prints())
questions = [[{"role": "user", "content": user}] for user in USERS]
streams = [guard(llm, messages=question, stream=True) for question in questions]
for _ in zip_longest(*streams):
    pass  # both users read a chunk in turn

for span in exporter.get_finished_spans():
    answer, question = (span.attributes.get(f"{each}.value", "") for each in ("output", "input"))
    if span.attributes.get("type") == "guardrails/guard" and answer:
        asked = [user for user in USERS if user in question]
        print(f"span of {answer!r}: asked by {asked}")
