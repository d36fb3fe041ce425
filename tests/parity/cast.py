"""Who plays: validators, LLMs and Guards as a program describes them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any

from guardrails import AsyncGuard, Guard
from guardrails.validator_base import FailResult, PassResult, Validator, register_validator
from pydantic import Field, create_model

from tests.parity.acts import Actor, error_named
from tests.parity.program import Check
from tests.parity.stage import Stage

BUFFERS: dict[str, Callable[[], Any]] = {
    "deque": lambda: deque(maxlen=3),
    "seeded": lambda: ["seed. "],
    "list": list,
}


class Playing(Validator):
    """A validator that acts before it judges."""

    stage: Stage
    check: Check
    name: str
    number: int

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.check.buffer:
            self.accumulated_chunks = BUFFERS[self.check.buffer]()

    def actor(self, metadata: dict[str, Any]) -> Actor:
        """Says who is at work here."""
        call = metadata["call"]
        return Actor(self.stage, f"{call}/{self.name}", call)

    def judge(self, value: Any, actor: Actor) -> Any:
        """Returns what it thinks of a value."""
        asked, verdict = self.stage.count(actor.name), self.check.verdict
        if verdict == "none":
            return None
        if verdict == "override":
            return PassResult(value_override=f"{value} (overridden)")
        if verdict == "fail" or (verdict == "fail once" and asked == 1):
            return FailResult(
                error_message=f"{self.name} refuses",
                fix_value=f"{value} (fixed by {self.name})",
                metadata={"call": actor.call},
            )
        return PassResult()

    def work(self, value: Any, metadata: dict[str, Any]) -> Any:
        """Acts and judges in a thread."""
        actor = self.actor(metadata)
        self.stage.stagger(actor.call, self.number)
        actor.note(f"judges {value!r}")
        actor.look()
        if self.check.buffer:
            actor.note(f"has kept {self.accumulated_chunks!r}")
        actor.act(self.check.does)
        return self.judge(value, actor)

    async def work_async(self, value: Any, metadata: dict[str, Any]) -> Any:
        """Acts and judges on an event loop."""
        actor = self.actor(metadata)
        actor.note(f"judges {value!r}")
        actor.look()
        await actor.act_async(self.check.does)
        return self.judge(value, actor)


class Sync(Playing):
    """One that implements what validators usually do."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        return self.work(value, metadata)


class Overriding(Playing):
    """One that overrides `validate`."""

    def validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        return self.work(value, metadata)


class Async(Playing):
    """One that is asynchronous, and also works where that is not asked for."""

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        return await self.work_async(value, metadata)

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        return self.work(value, metadata)


class Delegating(Sync):
    """One whose `async_validate` does what its base class does."""

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        result = await super().async_validate(value, metadata)
        self.actor(metadata).note("has delegated")
        return result


class Streaming(Sync):
    """One that accumulates chunks in its own way."""

    def validate_stream(self, chunk: Any, metadata: dict[str, Any], **kwargs: Any) -> Any:
        self.accumulated_chunks.append(chunk)
        self.actor(metadata).note(f"accumulates {self.accumulated_chunks!r}")
        result = self.validate("".join(self.accumulated_chunks), metadata)
        if result is not None and result.validated_chunk is None:
            result.validated_chunk = chunk
        return result


class Chunking(Sync):
    """One that takes each chunk as it comes."""

    def _chunking_function(self, chunk: str) -> list[str]:
        return [chunk, ""]


KINDS: dict[str, type[Playing]] = {
    "sync": Sync,
    "validate": Overriding,
    "async": Async,
    "delegate": Delegating,
    "stream": Streaming,
    "chunk": Chunking,
}


def validator(stage: Stage, check: Check, name: str, number: int) -> Validator:
    """Makes a validator."""
    parts = {"stage": stage, "check": check, "name": name, "number": number}
    kind: Any = type(name.replace(" ", ""), (KINDS[check.how],), parts)
    made: Any = register_validator(name=f"parity/{name}", data_type="all")(kind)
    return made(
        on_fail=_handler(stage, check, name) if check.on_fail == "custom" else check.on_fail
    )


def _handler(stage: Stage, check: Check, name: str) -> Callable[[Any, FailResult], Any]:
    def handle(value: Any, result: FailResult) -> Any:
        call = (result.metadata or {}).get("call", 0)
        actor = Actor(stage, f"{call}/{name} on_fail", call)
        actor.note(f"handles {value!r}")
        actor.look()
        actor.act(check.handles)
        return f"{value} (handled by {name})"

    return handle


# --- guards --------------------------------------------------------------------------------


def guard(stage: Stage) -> Any:
    """Makes the Guard of a program."""
    program = stage.program
    kind: Any = Guard if program.guard == "Guard" else AsyncGuard
    if program.sub:
        kind = SUBCLASSES[program.guard, program.sub](kind, stage)
    return _made(kind, stage, program.checks, "v")


def inner_guards(stage: Stage) -> tuple[Any, Any]:
    """Makes the Guards that are called by others: in a thread, and on a loop."""
    kinds: tuple[Any, Any] = (Guard, AsyncGuard)
    inner, outer = (_made(kind, stage, stage.program.inner, "inner") for kind in kinds)
    return inner, outer


def _made(kind: Any, stage: Stage, checks: tuple[Check, ...], name: str) -> Any:
    made = [validator(stage, check, f"{name}{at}", at) for at, check in enumerate(checks)]
    stage.validators += made
    if stage.program.schema == "model" and name == "v":
        guard = kind.for_pydantic(_model(made), name=f"{name}-guard")
    else:
        guard = kind.for_string(made, name=f"{name}-guard")
    guard.configure(num_reasks=0)
    return guard


def _model(validators: list[Any]) -> Any:
    """Makes a model with a field for each validator."""
    fields: dict[str, Any] = {
        f"field{at}": (str, Field(json_schema_extra={"validators": [each]}))
        for at, each in enumerate(validators)
    }
    return create_model("Answer", **fields)


def _falling_back(kind: Any, stage: Stage) -> Any:
    class FallingBack(kind):  # type: ignore[misc]
        def _execute(self, *args: Any, **kwargs: Any) -> Any:
            first = super()._execute(*args, **kwargs)
            if getattr(first, "validation_passed", True):
                return first
            return super()._execute(*args, **kwargs)

    return FallingBack


def _falling_back_async(kind: Any, stage: Stage) -> Any:
    class FallingBack(kind):  # type: ignore[misc]
        async def _execute(self, *args: Any, **kwargs: Any) -> Any:
            first = await super()._execute(*args, **kwargs)
            if getattr(first, "validation_passed", True):
                return first
            return await super()._execute(*args, **kwargs)

    return FallingBack


def _first_of_two(kind: Any, stage: Stage) -> Any:
    class FirstOfTwo(kind):  # type: ignore[misc]
        def _execute(self, *args: Any, **kwargs: Any) -> Any:
            first = super()._execute(*args, **kwargs)
            if not hasattr(first, "validation_passed"):
                return first
            super()._execute(*args, **kwargs)
            return first

    return FirstOfTwo


def _first_of_two_async(kind: Any, stage: Stage) -> Any:
    class FirstOfTwo(kind):  # type: ignore[misc]
        async def _execute(self, *args: Any, **kwargs: Any) -> Any:
            first = await super()._execute(*args, **kwargs)
            if not hasattr(first, "validation_passed"):
                return first
            await super()._execute(*args, **kwargs)
            return first

    return FirstOfTwo


def _retrying(kind: Any, stage: Stage) -> Any:
    class Retrying(kind):  # type: ignore[misc]
        def _execute(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return super()._execute(*args, **kwargs)
            except Exception:
                return super()._execute(*args, **kwargs)

    return Retrying


def _retrying_async(kind: Any, stage: Stage) -> Any:
    class Retrying(kind):  # type: ignore[misc]
        async def _execute(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return await super()._execute(*args, **kwargs)
            except Exception:
                return await super()._execute(*args, **kwargs)

    return Retrying


SUBCLASSES: dict[tuple[str, str], Callable[[Any, Stage], Any]] = {
    ("Guard", "falls back"): _falling_back,
    ("AsyncGuard", "falls back"): _falling_back_async,
    ("Guard", "first of two"): _first_of_two,
    ("AsyncGuard", "first of two"): _first_of_two_async,
    ("Guard", "retries"): _retrying,
    ("AsyncGuard", "retries"): _retrying_async,
}


# --- LLMs ----------------------------------------------------------------------------------


def text(stage: Stage, content: str) -> str:
    """Writes something as the Guard expects it: as it is, or in every field of the model."""
    if stage.program.schema == "string":
        return content
    return json.dumps({f"field{at}": content for at in range(len(stage.program.checks))})


class Held:
    """What an LLM's stream holds while it is open, such as a connection."""


class Answering:
    """The LLM of one call.

    Attributes:
        actor: Who it is in the log.
        asked: How often it was asked.
        completion_stream: Its stream, where guardrails looks for an asynchronous one.
    """

    def __init__(self, stage: Stage, call: int) -> None:
        self.actor = Actor(stage, f"{call}/llm", call)
        self.spec = stage.program.llm
        self.asked = 0
        self.completion_stream: Any = None

    def callable(self) -> Any:
        """Returns what a Guard calls."""

        def llm(*args: Any, messages: Any = None, **kwargs: Any) -> Any:
            self._note(messages, kwargs)
            self.actor.act(self.spec.does)
            return self._stream() if kwargs.get("stream") else self._answer()

        return llm

    def async_callable(self) -> Any:
        """Returns what an AsyncGuard awaits."""

        async def llm(*args: Any, messages: Any = None, **kwargs: Any) -> Any:
            self._note(messages, kwargs)
            await self.actor.act_async(self.spec.does)
            if not kwargs.get("stream"):
                return self._answer()
            self.completion_stream = self._async_stream()
            return self

        return llm

    def _note(self, messages: Any, kwargs: Any) -> None:
        self.asked += 1
        asked = [str(message["content"])[:60] for message in messages or []]
        self.actor.note(f"is asked {asked} {sorted(kwargs)}")
        self.actor.look()

    def _answer(self) -> str:
        return text(self.actor.stage, f"answer {self.asked} to {self.actor.call}")

    def _chunk(self, number: int) -> str:
        self.actor.note(f"streams {number}")
        self.actor.look()
        if self.spec.fails and number == self.spec.fails:
            raise error_named("ConnectionError")
        sentence = f"Sentence {number} of {self.actor.call}. "
        if self.actor.stage.program.schema == "string":
            return sentence
        return self._part(number, sentence)

    def _part(self, number: int, sentence: str) -> str:
        """Returns a part of the model as JSON."""
        whole = text(self.actor.stage, sentence.strip())
        size = -(-len(whole) // self.spec.chunks)
        return whole[(number - 1) * size : number * size]

    def _stream(self) -> Any:
        made = _FORMS[self.spec.form](_generated(self))
        self.actor.stage.given[self.actor.call] = made
        return made

    def _async_stream(self) -> Any:
        made = _ASYNC_FORMS[self.spec.form](_generated_async(self))
        self.actor.stage.given[self.actor.call] = made
        return made


def _generated(llm: Answering) -> Any:
    held = llm.actor.stage.watch(f"{llm.actor.name} stream", Held())
    try:
        for number in range(1, llm.spec.chunks + 1):
            if number > 1:
                llm.actor.act(llm.spec.each)
            yield llm._chunk(number)
    finally:
        llm.actor.note("ends its stream")
        llm.actor.look()
        llm.actor.act(llm.spec.ends)
        del held


async def _generated_async(llm: Answering) -> Any:
    held = llm.actor.stage.watch(f"{llm.actor.name} stream", Held())
    try:
        for number in range(1, llm.spec.chunks + 1):
            if number > 1:
                await llm.actor.act_async(llm.spec.each)
            yield llm._chunk(number)
    finally:
        llm.actor.note("ends its stream")
        llm.actor.look()
        await llm.actor.act_async(llm.spec.ends)
        del held


class Iterating:
    """A stream that is an iterator and no generator."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return next(self._stream)


class ClosingAsynchronously(Iterating):
    """A client's stream that can be iterated without, and closed only with, a loop."""

    async def close(self) -> None:
        """Closes the stream."""
        self._stream.close()


class Closing(Iterating):
    """A client's stream that can be closed."""

    def close(self) -> None:
        """Closes the stream."""
        self._stream.close()


class AsyncIterating:
    """An asynchronous stream that is an iterator and no generator."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        return await self._stream.__anext__()


class AsyncClosing(AsyncIterating):
    """An asynchronous client's stream that can be closed."""

    async def aclose(self) -> None:
        """Closes the stream."""
        await self._stream.aclose()


def _same(stream: Any) -> Any:
    return stream


_FORMS: dict[str, Callable[[Any], Any]] = {
    "generator": _same,
    "iterator": Iterating,
    "closing": Closing,
    "closing asynchronously": ClosingAsynchronously,
}
_ASYNC_FORMS: dict[str, Callable[[Any], Any]] = {
    "generator": _same,
    "iterator": AsyncIterating,
    "closing": AsyncClosing,
    "closing asynchronously": AsyncClosing,
}
