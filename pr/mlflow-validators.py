"""A second instrument() doubles MLflow's spans, and a user's own validator has none."""

import asyncio
import tempfile

import mlflow
from guardrails import AsyncGuard
from guardrails.integrations.databricks import MlFlowInstrumentor
from guardrails.validator_base import PassResult, Validator, register_validator

spans = []
mlflow.set_tracking_uri(f"sqlite:///{tempfile.mkdtemp()}/mlflow.db")
mlflow.tracing.configure(span_processors=[spans.append])


@register_validator("test/polite", data_type="string")
class Polite(Validator):
    def _validate(self, value, metadata):
        return PassResult()


for _ in range(2):
    MlFlowInstrumentor("calls").instrument()
asyncio.run(AsyncGuard().use(Polite()).validate("text"))
print("what MLflow recorded:")
for span in reversed(spans):
    print(f"  {span.name}")
