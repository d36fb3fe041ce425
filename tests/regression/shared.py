"""One Guard for many users, who call it at the same time, and what its spans say of each."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable

from .backends import BACKENDS
from .chunked import stream
from .loops import run_async_guard, run_guard
from .playing import make_guard
from .recording import recording

# More than a history remembers.
USERS = tuple(f"user {number}." for number in range(12))

Recorded = Callable[[], list[dict[str, Any]]]


@contextmanager
def _opentelemetry() -> Iterator[Recorded]:
    with BACKENDS["opentelemetry"]() as tracing:
        yield lambda: [dict(s.attributes) for s in tracing.exported() if s.name == "guard"]


@contextmanager
def _mlflow() -> Iterator[Recorded]:
    with recording() as recorded:
        recorded.instrumentor.instrument()
        yield lambda: recorded.attributes("guardrails/guard")


# The attributes of the guard spans that each records.
TRACING = {"opentelemetry": _opentelemetry, "mlflow": _mlflow}


def faults_of_guard_spans(kind: str, tracing: str) -> list[str]:
    """Has all users call one Guard: a Guard's streams are read in turns, an AsyncGuard asks at
    once; returns what is wrong with the guard spans."""
    guard = make_guard(kind, [])
    with TRACING[tracing]() as recorded:
        if kind == "Guard":
            run_guard("idle", lambda: _in_turns(guard))
        else:
            run_async_guard("running", lambda: _at_once(guard))
        return _faults(recorded())


def _messages(user: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": user}]


def _in_turns(guard: Any) -> None:
    streams = [stream(guard, ("One. ", "Two. "), messages=_messages(user)) for user in USERS]
    for _ in zip(*streams):
        pass
    for each in streams:
        each.close()


async def _at_once(guard: Any) -> None:
    asked, everybody_asked = list[Any](), asyncio.Event()

    async def llm(*, messages: Any = None, **kwargs: Any) -> str:
        asked.append(messages)
        if len(asked) == len(USERS):
            everybody_asked.set()
        await everybody_asked.wait()
        return "an answer"

    await asyncio.gather(*(guard(llm, messages=_messages(user)) for user in USERS))


def _faults(spans: list[dict[str, Any]]) -> list[str]:
    """Each user's question must be on one span, which has an id of its own."""
    asked = [[user for user in USERS if user in str(span.get("input.value"))] for span in spans]
    wrong = [f"a span has the questions of {users}" for users in asked if len(users) != 1]
    wrong += [f"on no span: {user}" for user in USERS if [user] not in asked]
    if len({span.get("execution_id") for span in spans}) != len(USERS):
        wrong.append("an id is on several spans")
    return wrong
