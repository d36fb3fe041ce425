"""What users' own code sets in ContextVars reaches whom it reaches without the patches."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextvars import Context, ContextVar, Token
from types import SimpleNamespace
from typing import Any, Callable

import pytest
from guardrails import AsyncGuard, Guard
from guardrails.stores.context import get_context_var, set_context_var
from guardrails.validator_base import FailResult, register_validator

from .backends import BACKENDS
from .loops import run_async_guard, run_guard
from .patches import Patch, repaired_by, unchanged_by
from .playing import MESSAGES, make_guard
from .stage import Stage
from .streaming import Source
from .validators import FAULT, Acted, validator

CHUNKS = ("One two. ", f"Three {FAULT}. ", "Five six.")
REQUEST: ContextVar[str] = ContextVar("REQUEST")


def _checks(stage: Stage, kind: str) -> list[Acted]:
    check = validator(kind, "first", on_fail=stage.on_fail)
    return [check.part(stage.act, "first", fails=True, only=FAULT)]


def _left_by_guard(loop: str, stage: Stage, kind: str) -> set[str]:
    guard = make_guard("Guard", _checks(stage, kind))

    def call() -> set[str]:
        guard(lambda **kwargs: stage.llm(**kwargs) and FAULT, messages=MESSAGES)
        return set(stage.own_left())

    return set(run_guard(loop, call))


@unchanged_by(Patch.GUARD)
@pytest.mark.parametrize("kind", ["validate", "async_validate"])
@pytest.mark.parametrize("loop", ["idle", "running", "thread", "run-sync"])
def test_nothing_that_is_set_leaves_a_guard(loop: str, kind: str) -> None:
    with BACKENDS["opentelemetry"]() as tracing:
        assert _left_by_guard(loop, Stage(tracing), kind) == set()


@unchanged_by(Patch.GUARD)
@pytest.mark.parametrize("kind", ["validate", "async_validate"])
def test_what_the_llm_sets_reaches_an_async_guards_caller(kind: str) -> None:
    with BACKENDS["opentelemetry"]() as tracing:
        stage = Stage(tracing)

        async def llm(**kwargs: Any) -> str:
            await stage.async_llm(**kwargs)
            return FAULT

        async def call() -> set[str]:
            await make_guard("AsyncGuard", _checks(stage, kind))(llm, messages=MESSAGES)
            return set(stage.own_left())

        # What a Task is given at its start does not come out of it: the call's own is looked at.
        assert run_async_guard("running", call) == {"llm"}


@unchanged_by(Patch.STREAMS)
def test_what_is_set_in_a_stream_reaches_its_reader() -> None:
    with BACKENDS["opentelemetry"]() as tracing:
        stage = Stage(tracing)
        source = Source(stage, CHUNKS)

        def call() -> list[set[str]]:
            stream = make_guard("Guard", _checks(stage, "chunks"))(
                source.llm, messages=MESSAGES, stream=True
            )
            return [set(stage.own_left()) for _ in stream]

        before = {"llm", "stream", "first"}
        assert run_guard("idle", call) == [before, {*before, "on_fail"}, {*before, "on_fail"}]


@unchanged_by(Patch.STREAMS)
def test_what_is_set_in_an_async_stream_reaches_its_reader() -> None:
    with BACKENDS["opentelemetry"]() as tracing:
        stage = Stage(tracing)
        source = Source(stage, CHUNKS)

        async def call() -> list[set[str]]:
            stream = await make_guard("AsyncGuard", _checks(stage, "chunks"))(
                source.async_llm, messages=MESSAGES, stream=True
            )
            return [set(stage.own_left()) async for _ in stream]

        before = {"llm", "stream"}
        expected = [before, {*before, "on_fail"}, {*before, "on_fail"}]
        assert run_async_guard("running", call) == expected


# --- what a reader sets ------------------------------------------------------------------------


class Echo:
    """An LLM that streams what it finds in a variable, chunk by chunk."""

    def llm(self, *args: Any, messages: Any = None, **kwargs: Any) -> Iterator[str]:
        """Streams three chunks."""
        for _ in range(3):
            yield f"{REQUEST.get('nobody')}. "

    async def async_llm(self, *args: Any, messages: Any = None, **kwargs: Any) -> Any:
        """Streams three chunks, in the shape that an AsyncGuard looks for."""
        return SimpleNamespace(completion_stream=self._chunks())

    async def _chunks(self) -> AsyncIterator[str]:
        for chunk in self.llm():
            await asyncio.sleep(0)
            yield chunk


def _names(texts: list[Any]) -> list[str]:
    return [str(text.raw_llm_output).strip(" .") for text in texts]


@unchanged_by(Patch.STREAMS)
def test_what_a_reader_sets_between_chunks_reaches_the_llm() -> None:
    def call() -> list[Any]:
        read = []
        for outcome in Guard()(Echo().llm, messages=MESSAGES, stream=True):
            read.append(outcome)
            REQUEST.set(f"after {len(read)}")
        return read

    assert _names(run_guard("idle", call)) == ["nobody", "after 1", "after 2"]


@unchanged_by(Patch.STREAMS)
def test_what_a_reader_sets_between_chunks_reaches_an_async_llm() -> None:
    async def call() -> list[Any]:
        read = []
        async for outcome in await AsyncGuard()(Echo().async_llm, messages=MESSAGES, stream=True):
            read.append(outcome)
            REQUEST.set(f"after {len(read)}")
        return read

    assert _names(run_async_guard("running", call)) == ["nobody", "after 1", "after 2"]


@repaired_by(Patch.GUARD)
def test_a_reader_elsewhere_has_what_the_caller_has() -> None:
    def call() -> list[Any]:
        REQUEST.set("the caller's")
        stream = Guard()(Echo().llm, messages=MESSAGES, stream=True)
        return [Context().run(next, stream) for _ in range(3)]

    assert _names(run_guard("idle", call)) == ["the caller's"] * 3


# --- tokens ------------------------------------------------------------------------------------


@register_validator(name="tests/sets", data_type="all")
class Sets(Acted):
    """A validator that sets a variable and leaves it to its handler to reset it."""

    tokens: list[Token[str]]

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        self.tokens = [REQUEST.set("the validator's")]
        return FailResult(error_message="found fault")


@register_validator(name="tests/sets-on-the-loop", data_type="all")
class SetsOnTheLoop(Sets):
    """The same on the event loop."""

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        """Judges on the event loop."""
        return self._validate(value, metadata)


def _resetting(cls: type[Sets]) -> tuple[Sets, list[str]]:
    seen: list[str] = []

    def on_fail(value: Any, result: Any) -> Any:
        seen.append(REQUEST.get())
        REQUEST.reset(check.tokens.pop())
        seen.append(REQUEST.get("nobody"))
        return value

    check = cls(on_fail=on_fail)
    return check, seen


@unchanged_by(Patch.VALIDATORS)
@pytest.mark.parametrize("loop", ["running", "run-sync"])
def test_a_handler_can_reset_what_its_validator_has_set(loop: str) -> None:
    check, seen = _resetting(Sets)
    run_guard(loop, lambda: make_guard("Guard", [check]).validate("an answer"))
    assert seen == ["the validator's", "nobody"]


@unchanged_by(Patch.GUARD)
@pytest.mark.parametrize("loop", ["idle", "thread"])
def test_a_handler_can_reset_what_its_validator_has_set_on_a_loop(loop: str) -> None:
    check, seen = _resetting(SetsOnTheLoop)
    run_guard(loop, lambda: make_guard("Guard", [check]).validate("an answer"))
    assert seen == ["the validator's", "nobody"]


@unchanged_by(Patch.GUARD)
def test_a_handler_can_reset_what_its_validator_has_set_in_an_async_guard() -> None:
    check, seen = _resetting(SetsOnTheLoop)
    guard = make_guard("AsyncGuard", [check])
    run_async_guard("running", lambda: guard.validate("an answer"))
    assert seen == ["the validator's", "nobody"]


@unchanged_by(Patch.STREAMS)
def test_a_handler_can_reset_what_its_validator_has_set_in_a_stream() -> None:
    check, seen = _resetting(Sets)
    guard = make_guard("Guard", [check])
    run_guard("idle", lambda: list(guard(Echo().llm, messages=MESSAGES, stream=True)))
    assert set(seen) == {"the validator's", "nobody"}


@unchanged_by(Patch.GUARD)
def test_a_caller_can_reset_what_the_llm_of_an_async_guard_has_set() -> None:
    tokens: list[Token[str]] = []

    async def llm(*args: Any, messages: Any = None, **kwargs: Any) -> str:
        tokens.append(REQUEST.set("the LLM's"))
        return "an answer"

    async def call() -> list[str]:
        await AsyncGuard()(llm, messages=MESSAGES)
        seen = [REQUEST.get()]
        REQUEST.reset(tokens.pop())
        return [*seen, REQUEST.get("nobody")]

    assert run_async_guard("running", call) == ["the LLM's", "nobody"]


# --- siblings ----------------------------------------------------------------------------------


@unchanged_by(Patch.VALIDATORS)
@pytest.mark.parametrize("loop", ["running", "run-sync"])
def test_without_a_loop_of_its_own_a_validator_sees_what_those_before_it_set(loop: str) -> None:
    assert _seen_by_the_second(loop, "validate") == {"first", "on_fail"}


@repaired_by(Patch.VALIDATORS)
def test_validators_in_threads_see_nothing_of_each_other() -> None:
    assert _seen_by_the_second("idle", "validate", _in_one_thread) == set()


def _seen_by_the_second(
    loop: str, kind: str, prepared: Callable[[], None] = lambda: None
) -> set[str]:
    with BACKENDS["opentelemetry"]() as tracing:
        stage, seen = Stage(tracing), set[str]()

        def act(role: str) -> Any:
            seen.update(stage.own_left())
            return stage.act(role)

        first = validator(kind, "first", on_fail=stage.on_fail).part(stage.act, "first", fails=True)
        second = validator(kind, "second").part(act, "second")

        def call() -> None:
            prepared()
            make_guard("Guard", [first, second]).validate("an answer")

        run_guard(loop, call)
        return seen


def _in_one_thread() -> None:
    from concurrent.futures import ThreadPoolExecutor

    asyncio.get_event_loop_policy().get_event_loop().set_default_executor(ThreadPoolExecutor(1))


# --- guardrails' own store ---------------------------------------------------------------------


@unchanged_by(Patch.GUARD)
def test_what_users_keep_in_guardrails_store_reaches_an_async_guards_caller() -> None:
    async def llm(*args: Any, messages: Any = None, **kwargs: Any) -> str:
        set_context_var("theirs", "the LLM's")
        return "an answer"

    async def call() -> Any:
        await AsyncGuard()(llm, messages=MESSAGES)
        return get_context_var("theirs")

    assert run_async_guard("running", call) == "the LLM's"
