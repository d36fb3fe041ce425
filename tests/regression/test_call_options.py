"""What a call brings is the call's: a Guard that users share stays as it was built."""

import asyncio
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from guardrails import AsyncGuard, Guard
from guardrails.settings import settings
from guardrails.validator_base import FailResult, ValidationResult, register_validator

from .loops import in_threads, run_async_guard, run_guard
from .own_validators import Noting
from .patches import Patch, repaired_by, unchanged_by
from .waiting import PATIENCE

USERS = ("alice", "bob", "carol")
RAIL = """
<rail version="0.1">
<output type="string"/>
<messages><message role="user">default ${x}</message></messages>
</rail>
"""


def message(text: str) -> list[dict[str, str]]:
    """Messages with one text."""
    return [{"role": "user", "content": text}]


@register_validator(name="tests/asks-again", data_type="all")
class AsksAgain(Noting):
    """A validator that nothing satisfies."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        return FailResult(error_message="no")


class LLM:
    """Keeps the text that it is asked with each time."""

    def __init__(self) -> None:
        self.asked = list[str]()

    def __call__(self, *args: Any, messages: Any, stream: bool = False, **kwargs: Any) -> Any:
        """Answers."""
        self.asked.append(messages[0]["content"].strip())
        return iter(["an answer"]) if stream else "an answer"


class AsyncLLM(LLM):
    """The same, for an AsyncGuard."""

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Answers."""
        return super().__call__(*args, **kwargs)


def for_string(cls: Any = Guard, on_fail: Any = None) -> Any:
    """A Guard that has messages of its own."""
    checks = [AsksAgain(on_fail=on_fail)] if on_fail else []
    return cls.for_string(checks, messages=message("default ${x}"))


def for_rail() -> Any:
    """The same, from RAIL."""
    return Guard.for_rail_string(RAIL)


def call(guard: Any, llm: LLM, **kwargs: Any) -> None:
    """Makes a call, and reads it to the end if it is a stream."""

    def main() -> None:
        outcome = guard(llm, **kwargs)
        if kwargs.get("stream"):
            list(outcome)

    run_guard("run-sync", main)


# --- messages --------------------------------------------------------------------------------


@repaired_by(Patch.OPTIONS)
@pytest.mark.parametrize("stream", [False, True], ids=["call", "stream"])
@pytest.mark.parametrize("made", [for_string, for_rail])
def test_messages_of_one_call_are_not_the_nexts(made: Any, stream: bool) -> None:
    guard, llm = made(), LLM()
    call(guard, llm, prompt_params={"x": "1"}, stream=stream)
    call(guard, llm, messages=message("alice's own"), stream=stream)
    call(guard, llm, prompt_params={"x": "2"}, stream=stream)
    assert llm.asked == ["default 1", "alice's own", "default 2"]


@repaired_by(Patch.OPTIONS)
def test_messages_to_ask_again_with_are_the_calls() -> None:
    guard, llm = for_string(on_fail="reask"), LLM()
    call(guard, llm, prompt_params={"x": "1"}, reask_messages=message("alice's own"))
    call(guard, llm, prompt_params={"x": "2"})
    assert llm.asked[1] == "alice's own"
    assert "alice's own" not in llm.asked[3]


@unchanged_by(Patch.OPTIONS)
def test_messages_of_a_call_are_those_that_its_llm_is_asked_with() -> None:
    guard, llm = for_string(on_fail="noop"), LLM()
    for text in ("one", "other"):
        call(guard, llm, messages=message(text))
    call(guard, llm, messages=message("again"), reask_messages=message("unused"))
    assert llm.asked == ["one", "other", "again"]


@unchanged_by(Patch.OPTIONS)
def test_messages_of_a_parse_are_the_guards_where_it_asks_an_llm() -> None:
    guard, llm = for_string(on_fail="reask"), LLM()
    run_guard(
        "run-sync",
        lambda: guard.parse("an answer", llm_api=llm, prompt_params={"x": "1"}, num_reasks=2),
    )
    assert len(llm.asked) == 2
    assert guard.history.last.inputs.messages == message("default ${x}")


# --- reasks ----------------------------------------------------------------------------------


@repaired_by(Patch.OPTIONS)
@pytest.mark.parametrize(("configured", "expected"), [(None, 1), (2, 2)])
def test_reasks_of_one_call_are_not_the_nexts(configured: Any, expected: int) -> None:
    guard, llm = for_string(on_fail="reask"), LLM()
    guard.configure(num_reasks=configured)
    call(guard, llm, num_reasks=4, prompt_params={"x": "1"})
    del llm.asked[:]
    run_guard("run-sync", lambda: guard.parse("an answer", llm_api=llm, prompt_params={"x": "1"}))
    assert len(llm.asked) == expected


@repaired_by(Patch.OPTIONS)
def test_reasks_of_one_async_call_are_not_the_nexts() -> None:
    guard, llm = for_string(AsyncGuard, "reask"), AsyncLLM()

    async def calls() -> None:
        await guard(llm, num_reasks=4, prompt_params={"x": "1"})
        del llm.asked[:]
        await guard.parse("an answer", llm_api=llm, prompt_params={"x": "1"})

    run_async_guard("running", calls)
    assert len(llm.asked) == 1


@repaired_by(Patch.OPTIONS)
def test_reasks_of_gathered_calls_are_their_own() -> None:
    guard, llm = for_string(AsyncGuard, "reask"), AsyncLLM()

    async def calls() -> None:
        both = asyncio.Event()

        async def waiting(*args: Any, **kwargs: Any) -> Any:
            both.set()
            return await llm(*args, **kwargs)

        many = asyncio.ensure_future(guard(waiting, num_reasks=4, messages=message("alice's")))
        await both.wait()
        await guard.parse("an answer", llm_api=llm, prompt_params={"x": "bob's"})
        await many

    run_async_guard("running", calls)
    reasks = [call.inputs.num_reasks for call in guard.history]
    assert reasks == [4, 1]


@unchanged_by(Patch.OPTIONS)
def test_reasks_that_are_configured_are_the_guards() -> None:
    guard, llm = for_string(on_fail="reask"), LLM()
    guard.configure(num_reasks=3)
    run_guard("run-sync", lambda: guard.parse("an answer", llm_api=llm, prompt_params={"x": "1"}))
    assert len(llm.asked) == 3


# --- a server --------------------------------------------------------------------------------


class Server:
    """Stands for guardrails' client of a server: keeps the messages that it is to send."""

    def __init__(self) -> None:
        self.sent = list[tuple[Any, Any]]()

    def validate(self, **call: Any) -> None:
        """Keeps whose call it is and its messages, and answers nothing."""
        payload = call.get("payload", call)
        payload = payload if isinstance(payload, dict) else payload.to_dict()
        user = payload.get("metadata", {}).get("user")
        self.sent.append((user, payload["messages"][0]["content"]))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Guard that has its calls made by a server."""
    guard, server = for_string(), Server()
    # Older releases ask the settings, and would save a Guard that is made then.
    monkeypatch.setattr(settings, "use_server", True)
    guard._use_server, guard._api_client = True, server
    yield SimpleNamespace(guard=guard, sent=server.sent)


@repaired_by(Patch.OPTIONS)
def test_a_server_is_not_sent_the_messages_of_the_call_before(served: Any) -> None:
    served.guard.parse("an answer", messages=message("alice's own"))
    served.guard.validate("an answer")
    assert [text for _, text in served.sent] == ["alice's own", "default ${x}"]


class Meeting(dict[str, str]):
    """A call's metadata, which is not read before everybody's is."""

    barrier: Any = None

    def __iter__(self) -> Iterator[str]:
        self.barrier.wait(PATIENCE)
        return super().__iter__()


@repaired_by(Patch.OPTIONS)
def test_a_server_is_sent_each_users_own_messages(served: Any) -> None:
    barrier = threading.Barrier(len(USERS))

    def validate(user: str) -> None:
        metadata = Meeting(user=user)
        metadata.barrier = barrier
        served.guard.parse("an answer", messages=message(user), metadata=metadata)

    in_threads([lambda user=user: validate(user) for user in USERS])
    assert sorted(served.sent) == [(user, user) for user in USERS]
