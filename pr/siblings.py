"""When one validator raises, the others go on after the call has failed."""

import asyncio

from guardrails import AsyncGuard
from guardrails.validator_base import FailResult, PassResult, Validator, register_validator


@register_validator("test/refuses", data_type="string")
class Refuses(Validator):
    async def async_validate(self, value, metadata):
        return FailResult(error_message="refused")


@register_validator("test/asks", data_type="string")
class Asks(Validator):
    async def async_validate(self, value, metadata):
        try:
            await asyncio.sleep(0.2)
            print("the other validator: asked its LLM")
        except asyncio.CancelledError:
            print("the other validator: cancelled")
            raise
        return PassResult()


async def main():
    try:
        await AsyncGuard().use(Refuses(on_fail="exception"), Asks()).validate("text")
    except Exception as error:
        print("the call:", error)
    await asyncio.sleep(0.4)


asyncio.run(main())
