"""Secrets of validators, metadata and LLM calls are recorded in clear."""

from guardrails import Guard
from guardrails.validator_base import PassResult, Validator, register_validator
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)


@register_validator("test/database", data_type="string")
class Database(Validator):
    def __init__(self, conn, **kwargs):
        super().__init__(conn=conn, **kwargs)

    def _validate(self, value, metadata):
        return PassResult()


def llm(*args, messages=None, **kwargs):
    return "An answer."


Guard().use(Database("postgresql://me:first-secret@db/x"))(
    llm,
    messages=[{"role": "user", "content": "A question."}],
    metadata={"api_key": "second-secret"},
    extra_headers={"Authorization": "Bearer third-secret"},
    OPENAI_API_KEY="fourth-secret",
)
for secret in ("first", "second", "third", "fourth"):
    seen = [
        f"{span.name}: {name}"
        for span in exporter.get_finished_spans()
        for name, value in span.attributes.items()
        if f"{secret}-secret" in str(value)
    ]
    print(f"the {secret} secret is recorded in {len(seen)} attributes")
