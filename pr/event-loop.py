"""With uvloop installed each call replaces the event loop, and threads leave theirs open."""

import asyncio
import threading

import uvloop  # noqa: F401 - guardrails uses it where it is installed
from guardrails import Guard
from guardrails.validator_base import PassResult, Validator, register_validator

used = []


@register_validator("test/notes-its-loop", data_type="string")
class NotesItsLoop(Validator):
    async def async_validate(self, value, metadata):
        used.append(asyncio.get_running_loop())
        return PassResult()


def call():
    Guard().use(NotesItsLoop()).validate("text")


def report(what):
    loops = set(used)
    still_open = sum(not loop.is_closed() for loop in loops)
    print(f"{what}: loops used {len(loops)}, still open {still_open}")
    used.clear()


policy, loop = asyncio.get_event_loop_policy(), asyncio.new_event_loop()
asyncio.set_event_loop(loop)
for _ in range(5):
    call()
report("5 calls in the main thread")
print("the loop is still the caller's:", asyncio.get_event_loop() is loop)
print("the policy is still the caller's:", asyncio.get_event_loop_policy() is policy)

for _ in range(5):
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
report("5 threads that have ended")
