"""Under MlFlowInstrumentor a validator that is run without a parent span has no span."""

import asyncio
import tempfile

import guardrails.hub
import mlflow
from guardrails import AsyncGuard
from guardrails.integrations.databricks import MlFlowInstrumentor
from guardrails.validator_base import PassResult, Validator, register_validator


@register_validator("test/polite", data_type="string")
class Polite(Validator):
    def _validate(self, value, metadata):
        return PassResult()


spans = []
mlflow.set_tracking_uri(f"sqlite:///{tempfile.mkdtemp()}/mlflow.db")
mlflow.tracing.configure(span_processors=[spans.append])
guardrails.hub.Polite = Polite  # as if it were installed from the hub
MlFlowInstrumentor("validations").instrument()


def report(what):
    count = sum(span.name == "test/polite.validate" for span in spans)
    print(f"{what:<30}{count}")
    spans.clear()


print("spans of one validation")
Polite().validate("text", {})
report("validate")
with mlflow.start_span("handle request"):
    Polite().validate("text", {})
report("validate, in a span")
asyncio.run(Polite().async_validate("text", {}))
report("async_validate")
asyncio.run(AsyncGuard().use(Polite()).validate("text"))
report("AsyncGuard.validate")
