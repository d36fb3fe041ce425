"""Where nobody records spans, a call still computes what would be written on them."""

import json
from unittest import mock

from guardrails import Guard
from guardrails.telemetry import common
from guardrails.validator_base import PassResult, Validator, register_validator

COUNTED = (
    (json, "dumps"),
    (json, "loads"),
    (common, "get_baggage"),
)


@register_validator("test/passes", data_type="string")
class Passes(Validator):
    def _validate(self, value, metadata):
        return PassResult()


guard = Guard().use(Passes())
for module, name in COUNTED:
    with mock.patch.object(module, name, wraps=getattr(module, name)) as counted:
        guard.validate("text")
    print(f"calls of {module.__name__}.{name} in one validate: {counted.call_count}")
