"""A validator's buffer is of its own type, and each stream starts with what the validator has."""

from collections import deque
from contextvars import copy_context
from typing import Any, Optional

import pytest
from guardrails.classes.history import Call
from guardrails.classes.output_type import OutputTypes
from guardrails.llm_providers import get_llm_ask
from guardrails.run import StreamRunner
from guardrails.settings import settings
from guardrails.validator_base import ValidationResult, register_validator

from .chunked import llm, stream
from .loops import run_guard
from .own_validators import Noting, Own, OwnStream
from .patches import Patch, repaired_by, unchanged_by
from .playing import MESSAGES, make_guard

CHUNKS = ("one ", "two ", "three ", "four ")


@register_validator(name="tests/own-buffer", data_type="all")
class OwnBuffer(Noting):
    """A validator that judges the last chunks, as many as its buffer holds."""

    accumulated_chunks: Any

    def starting_with(self, buffer: Any) -> Noting:
        """Takes the buffer, as a validator's `__init__` may."""
        self.accumulated_chunks = buffer
        return self.noting()

    def validate_stream(
        self, chunk: Any, metadata: dict[str, Any], **kwargs: Any
    ) -> Optional[ValidationResult]:
        """Judges what the buffer holds with the chunk."""
        self.accumulated_chunks.append(chunk)
        result = self._validate("".join(self.accumulated_chunks), metadata)
        result.validated_chunk = chunk
        return result


def last_three() -> Noting:
    """A validator that judges the last three chunks, and has one before any stream."""
    check = OwnBuffer(on_fail="noop")
    assert isinstance(check, OwnBuffer)
    return check.starting_with(deque(["start "], maxlen=3))


JUDGED = ["start one ", "start one two ", "one two three ", "two three four "]


def read(check: Noting) -> list[str]:
    """Reads a stream of a Guard that many share; returns what the validator judged in it."""
    guard = make_guard("Guard", [check])
    del check.values[:]
    run_guard("idle", lambda: list(stream(guard, CHUNKS)))
    return check.values


@unchanged_by(Patch.CHUNKS)
def test_a_stream_starts_with_the_buffer_that_the_validator_has() -> None:
    assert read(last_three()) == JUDGED


@repaired_by(Patch.CHUNKS)
def test_the_next_stream_starts_with_it_again() -> None:
    check = last_three()
    read(check)
    assert read(check) == JUDGED


@unchanged_by(Patch.CHUNKS)
@pytest.mark.parametrize("cls", [Own, OwnStream])
def test_who_reads_a_stream_finds_what_it_has_accumulated(cls: type[Noting]) -> None:
    check: Any = cls(on_fail="noop").noting()
    guard = make_guard("Guard", [check])
    chunks = ("One ", "more ", "text")

    def reading() -> list[str]:
        return ["".join(check.accumulated_chunks) for _ in stream(guard, chunks)]

    assert run_guard("idle", reading)[:2] == ["One ", "One more "]


@repaired_by(Patch.CHUNKS)
def test_a_call_does_not_find_what_somebody_elses_stream_has_accumulated() -> None:
    seen = list[str]()
    check: Any = OwnStream(on_fail="noop").noting()
    check.then = lambda _: seen.extend(check.accumulated_chunks)
    guard = make_guard("Guard", [check])

    def both() -> None:
        alices = stream(guard, ("Alice's ", "secret"))
        next(alices)
        guard.validate("Bob's answer")
        alices.close()

    run_guard("run-sync", both)
    assert seen == []


@unchanged_by(Patch.CHUNKS)
def test_a_runner_without_a_guard_leaves_its_callers_context_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "disable_tracing", True)
    check = OwnStream(on_fail="noop").noting()
    runner: Any = StreamRunner(
        OutputTypes.STRING,
        {"type": "string"},
        0,
        {"$": [check]},
        messages=MESSAGES,
        api=get_llm_ask(llm(CHUNKS), stream=True),
    )

    before = {*copy_context()}

    def left() -> list[object]:
        new = [value for var, value in copy_context().items() if var not in before]
        return [value for value in new if CHUNKS[0] in repr(value)]

    def reading() -> None:
        for _ in runner(call_log=Call(), prompt_params={}):
            assert left() == []
        assert left() == []

    run_guard("run-sync", reading)
