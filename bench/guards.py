"""Makes the calls that are measured, in a process that has one tree's guardrails."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from typing import Any

from guardrails import AsyncGuard, Guard
from guardrails.classes.generic.stack import Stack
from guardrails.validator_base import PassResult, ValidationResult, Validator, register_validator
from pydantic import BaseModel, Field, create_model
from regression.loops import without_uvloop

from bench.ambient import ambient
from bench.case import Case

TEXT = "An answer of a usual length, which has nothing wrong with it."
Figures = dict[str, float]
Measure = Callable[[int], Figures]


class Passing(Validator):
    """A validator that takes no time."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        return PassResult()

    def _chunking_function(self, chunk: str) -> list[str]:
        return [chunk, ""]


KINDS: list[type[Passing]] = [
    register_validator(name=f"bench/v{number}", data_type="all")(
        type(f"Passing{number}", (Passing,), {})
    )
    for number in range(16)
]


def prepare(case: Case, settle: Callable[[], object]) -> Measure:
    """What makes a case's calls, as many as it is asked for.

    Args:
        case: The kind of call.
        settle: What waits until all that is recorded is written.

    Returns:
        A function that makes that many calls and returns figures, all in seconds: `cpu` a call,
        until all is written, and `wall`, until the call returns; for a stream `first`, until its
        first chunk, and `chunk` for each one after it.
    """
    guard, context = _guard(case), ambient(case.variables)
    remember = partial(_make, Case(case.mode, uvloop=case.uvloop), guard, _value(case))
    context.run(lambda: remember(case.history))
    if case.chunks:
        return lambda calls: context.run(_stream, case, guard, settle, calls)
    make = partial(_make, case, guard, _value(case))
    return lambda calls: context.run(_timed, make, settle, calls)


def _guard(case: Case) -> Any:
    cls: Any = Guard if case.mode == "Guard" else AsyncGuard
    checks = [kind(on_fail="noop") for kind in KINDS[: case.validators]]
    if not case.fields:
        guard = cls.for_string(checks, name="bench")
    else:
        guard = cls.for_pydantic(_model(case.fields, checks), name="bench")
    guard.configure(num_reasks=0)
    guard.history = Stack(max_length=case.history)
    return guard


def _model(fields: int, checks: list[Any]) -> type[BaseModel]:
    """A model with a model in it, and validators on every string of both."""
    strings: dict[str, Any] = {
        f"field{number}": (str, Field(json_schema_extra={"validators": checks}))
        for number in range(fields)
    }
    inner = create_model("Inner", **strings)
    return create_model("Outer", inner=(inner, ...), **strings)


def _value(case: Case) -> str:
    strings = {f"field{number}": TEXT for number in range(case.fields)}
    return json.dumps({**strings, "inner": strings}) if case.fields else TEXT


def _installed(case: Case) -> AbstractContextManager[None]:
    return nullcontext() if case.uvloop else without_uvloop()


def _make(case: Case, guard: Any, value: str, calls: int) -> None:
    """Makes calls, some at a time."""
    with _installed(case):
        if case.mode == "AsyncGuard":
            asyncio.run(_make_async(guard, value, calls, case.at_once))
        elif case.at_once == 1:
            for _ in range(calls):
                guard.validate(value)
        else:
            for made in [pool(case.at_once).submit(guard.validate, value) for _ in range(calls)]:
                made.result()


@cache
def pool(size: int) -> ThreadPoolExecutor:
    """As many threads, which are kept, as a server keeps its."""
    return ThreadPoolExecutor(size)


async def _make_async(guard: Any, value: str, calls: int, at_once: int) -> None:
    async def one_after_another(share: int) -> None:
        for _ in range(share):
            await guard.validate(value)

    shares = [calls // at_once + (number < calls % at_once) for number in range(at_once)]
    await asyncio.gather(*map(one_after_another, shares))


def _timed(make: Callable[[int], None], settle: Callable[[], object], calls: int) -> Figures:
    """CPU of the whole process, its worker threads included, and wall time."""
    cpu, wall = time.process_time(), time.perf_counter()
    make(calls)
    wall = time.perf_counter() - wall
    settle()
    cpu = time.process_time() - cpu
    return {"cpu": cpu / calls, "wall": wall / calls}


# --- streams -------------------------------------------------------------------------------


def _stream(case: Case, guard: Any, settle: Callable[[], object], calls: int) -> Figures:
    read = []
    for _ in range(calls):
        with _installed(case):
            read.append(
                _read(case, guard)
                if case.mode == "Guard"
                else asyncio.run(_async_read(case, guard))
            )
        settle()
    first, chunk = (sum(each) / calls for each in zip(*read, strict=True))
    return {"first": first, "chunk": chunk}


def _read(case: Case, guard: Any) -> tuple[float, float]:
    started = time.perf_counter()
    stream = guard(partial(_answer, case), messages=_MESSAGES, stream=True)
    next(stream)
    first = time.perf_counter()
    rest = sum(1 for _ in stream)
    return first - started, (time.perf_counter() - first) / rest


async def _async_read(case: Case, guard: Any) -> tuple[float, float]:
    started = time.perf_counter()
    stream = await guard(partial(_async_answer, case), messages=_MESSAGES, stream=True)
    await stream.__anext__()
    first, rest = time.perf_counter(), 0
    async for _ in stream:
        rest += 1
    return first - started, (time.perf_counter() - first) / rest


_MESSAGES = [{"role": "user", "content": "A question."}]


def _answer(case: Case, *args: Any, **kwargs: Any) -> Iterator[str]:
    return iter(["A chunk. "] * case.chunks)


async def _async_answer(case: Case, *args: Any, **kwargs: Any) -> _Response:
    return _Response(case.chunks)


class _Response:
    """An answer in the manner of litellm's."""

    def __init__(self, chunks: int) -> None:
        self.completion_stream = self._chunks(chunks)

    async def _chunks(self, chunks: int) -> AsyncIterator[str]:
        for _ in range(chunks):
            yield "A chunk. "
