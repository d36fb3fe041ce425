"""What spans record is parsed twice to be redacted."""

import json
from unittest import mock

from guardrails import Guard
from guardrails.validator_base import PassResult, Validator, register_validator
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())


@register_validator("test/passes", data_type="string")
class Passes(Validator):
    def _validate(self, value, metadata):
        return PassResult()


guard = Guard().use(Passes())


def report(text):
    with mock.patch.object(json, "loads", wraps=json.loads) as loads:
        guard.validate(text)
    count = sum(call.args[0] == text for call in loads.call_args_list)
    print(f"{text} is parsed {count} times, of {loads.call_count} calls of json.loads")


report("Prose")
report('{"answer": 42}')
