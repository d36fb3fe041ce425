"""Of guards that run at once, the one that has started last gets the logs of all."""

import asyncio
import logging

from guardrails import AsyncGuard
from guardrails.validator_base import PassResult, Validator, register_validator

logging.getLogger("guardrails-ai").setLevel(logging.INFO)
USERS = "alice", "bob"


@register_validator("test/logs", data_type="string")
class Logs(Validator):
    async def async_validate(self, value, metadata):
        await asyncio.sleep(0)  # the other user's call starts here
        logging.getLogger("guardrails-ai").info("validated for %s", value)
        return PassResult()


async def main():
    guards = [AsyncGuard().use(Logs()) for _ in USERS]
    await asyncio.gather(*map(AsyncGuard.validate, guards, USERS))
    for user, guard in zip(USERS, guards, strict=True):
        logs = list(guard.history.last.iterations.last.logs)
        print(f"{user}'s logs:", [log for log in logs if "validated for" in log])


asyncio.run(main())
