"""What spans record is parsed twice to be redacted, and each span asks for a tracer."""

import json
from unittest import mock

from guardrails import Guard
from guardrails.validator_base import PassResult, Validator, register_validator
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

provider = TracerProvider()
trace.set_tracer_provider(provider)


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


with mock.patch.object(provider, "get_tracer", wraps=provider.get_tracer) as get_tracer:
    report("Prose")
    report('{"answer": 42}')
print("calls of get_tracer for two validations:", get_tracer.call_count)
