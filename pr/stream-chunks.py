"""Where users share a guard, one user's text reaches another's validator."""

from itertools import zip_longest

from guardrails import Guard
from guardrails.validator_base import PassResult, Validator, register_validator

USERS = "alice", "bob"


@register_validator("test/prints", data_type="string")
class Prints(Validator):
    def _validate(self, value, metadata):
        print("validated:", value)
        return PassResult()


def llm(*args, messages=None, **kwargs):
    user = messages[0]["content"]
    yield from (f"{user}'s code ", f"is {user}-1. ")


guard = Guard().use(Prints())
questions = [[{"role": "user", "content": user}] for user in USERS]
for _ in zip_longest(*(guard(llm, messages=question, stream=True) for question in questions)):
    pass  # both users read a chunk in turn
