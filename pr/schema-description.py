"""A call without a prompt describes its schema for one."""

from unittest import mock

from guardrails import Guard
from guardrails.run import runner

for name in ("prompt_content_for_schema", "json_schema_to_rail_output"):
    with mock.patch.object(runner, name, wraps=getattr(runner, name)) as counted:
        Guard().validate("text")
    print(f"calls of {name} in one validate: {counted.call_count}")
