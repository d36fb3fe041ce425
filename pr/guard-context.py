"""A Guard hides its caller's context, and an AsyncGuard leaves an API key in it."""

import asyncio
import os
from contextvars import ContextVar, copy_context

from guardrails import AsyncGuard, Guard
from guardrails.stores.context import get_guard_name
from guardrails.validator_base import FailResult, Validator, register_validator

os.environ["GUARDRAILS_RUN_SYNC"] = "true"  # validators run here, not in an executor
MESSAGES = [{"role": "user", "content": "Hello"}]
user = ContextVar("user", default="unknown")


@register_validator("test/refuses", data_type="string")
class Refuses(Validator):
    def _validate(self, value, metadata):
        print("Guard: user in the validator:", user.get())
        return FailResult(error_message="no")


def handler(value, fail_result):
    print("Guard: user in the on_fail handler:", user.get())
    return value


def llm(*args, messages=None, **kwargs):
    print("Guard: user in the LLM callable:", user.get())
    return "text"


async def async_llm(*args, messages=None, **kwargs):
    print("AsyncGuard: guard name in the LLM callable:", repr(get_guard_name()))
    return "text"


async def call_async_guard():
    await AsyncGuard(name="polite")(async_llm, messages=MESSAGES, api_key="sk-secret")
    kept = [variable.name for variable, value in copy_context().items() if "sk-" in str(value)]
    print("AsyncGuard: the caller's variables with the API key:", kept)


user.set("alice")
Guard().use(Refuses(on_fail=handler))(llm, messages=MESSAGES)
asyncio.run(call_async_guard())
