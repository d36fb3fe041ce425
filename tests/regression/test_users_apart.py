"""Two users' data never meet: chunks, logs, and the traces of usage metrics."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Sequence
from itertools import zip_longest
from typing import Any

import pytest
from guardrails.logger import logger

from .chunked import async_stream, stream
from .loops import in_threads, run_async_guard, run_guard
from .metrics import collected, measured, roots
from .own_validators import Noting, Own, OwnStream
from .patches import Patch, repaired_by
from .playing import make_guard
from .waiting import PATIENCE

USERS = ("alice", "bob", "carol")
CLASSES = [Own, OwnStream]


def of(user: str) -> tuple[str, ...]:
    """A user's chunks, of which the last sentence is never finished."""
    return f"{user} one ", f"two {user}. ", f"{user} three ", f"four {user}. ", f"{user}'s end"


# --- chunks ----------------------------------------------------------------------------------


def of_several(check: Noting) -> list[str]:
    """The texts that the validator judged which were not one user's alone."""
    assert check.values
    return [text for text in check.values if sum(user in text for user in USERS) != 1]


@repaired_by(Patch.CHUNKS)
@pytest.mark.parametrize("how", ["closed", "collected", "kept"])
@pytest.mark.parametrize("cls", CLASSES)
def test_an_abandoned_stream_leaves_nothing_to_the_next(cls: type[Noting], how: str) -> None:
    check = cls(on_fail="noop").noting()
    guard = make_guard("Guard", [check])

    def both() -> None:
        alices = stream(guard, of("alice"))
        next(alices)
        kept = alices if how == "kept" else None
        if how == "closed":
            alices.close()
        del alices
        list(stream(guard, of("bob")))
        del kept

    run_guard("idle", both)
    assert of_several(check) == []
    assert "alice" not in "".join(check.values)


@repaired_by(Patch.CHUNKS)
def test_an_abandoned_async_stream_leaves_nothing_to_the_next() -> None:
    check = OwnStream(on_fail="noop").noting()
    guard = make_guard("AsyncGuard", [check])

    async def both() -> None:
        left = asyncio.Event()
        alices = asyncio.ensure_future(_read_async(guard, _Unfinished("alice one ", left)))
        await left.wait()
        alices.cancel()
        await asyncio.wait([alices])
        await _read_async(guard, of("bob"))

    run_async_guard("running", both)
    assert of_several(check) == []
    assert "alice" not in "".join(check.values)


class _Unfinished:
    """Chunks of which the second never comes."""

    def __init__(self, first: str, left: asyncio.Event) -> None:
        self._chunks, self._left = [first], left

    async def __aiter__(self) -> AsyncIterator[str]:
        for chunk in self._chunks:
            yield chunk
        self._left.set()
        await asyncio.Event().wait()


class _InTurn:
    """Chunks of which nobody gets the next one before all have got this one."""

    def __init__(self, chunks: Sequence[str], all_of_them: list[Any]) -> None:
        self._chunks, self._all, self._given = chunks, all_of_them, 0
        self._moved = asyncio.Event()
        all_of_them.append(self)

    async def __aiter__(self) -> AsyncIterator[str]:
        for chunk in self._chunks:
            while any(other._given < self._given for other in self._all):
                self._moved.clear()
                await self._moved.wait()
            self._given += 1
            for other in self._all:
                other._moved.set()
            yield chunk


async def _read_async(guard: Any, chunks: Any) -> None:
    async for _ in await async_stream(guard, chunks):
        pass


@repaired_by(Patch.CHUNKS)
@pytest.mark.parametrize("cls", CLASSES)
def test_interleaved_streams_keep_their_chunks_apart(cls: type[Noting]) -> None:
    check = cls(on_fail="noop").noting()
    guard = make_guard("Guard", [check])

    def interleaved() -> None:
        for _ in zip_longest(*(stream(guard, of(user)) for user in USERS)):
            pass

    run_guard("idle", interleaved)
    assert of_several(check) == []


@repaired_by(Patch.CHUNKS)
def test_interleaved_async_streams_keep_their_chunks_apart() -> None:
    check = OwnStream(on_fail="noop").noting()
    guard = make_guard("AsyncGuard", [check])

    async def interleaved() -> None:
        everyone: list[Any] = []
        in_turn = [_InTurn(of(user), everyone) for user in USERS]
        await asyncio.gather(*(_read_async(guard, chunks) for chunks in in_turn))

    run_async_guard("running", interleaved)
    assert of_several(check) == []


@repaired_by(Patch.CHUNKS)
def test_streams_in_threads_keep_their_chunks_apart() -> None:
    # Everybody's first chunk is there before anybody's second is.
    barrier = threading.Barrier(len(USERS))
    check = OwnStream(on_fail="noop").noting()
    guard = make_guard("Guard", [check])

    def read(user: str) -> None:
        for _ in stream(guard, of(user)):
            barrier.wait(PATIENCE)

    in_threads([lambda user=user: read(user) for user in USERS])
    assert of_several(check) == []


# --- logs ------------------------------------------------------------------------------------


def logged(guard: Any) -> list[str]:
    """What the guard's last call has of its validators' logs."""
    return [log for log in guard.history.last.logs if log.startswith("judging")]


def log(text: str) -> None:
    """A validator's log."""
    logger.warning("judging %s", text)


@repaired_by(Patch.LOG_SCOPE)
def test_guards_in_threads_have_their_own_logs() -> None:
    barrier = threading.Barrier(len(USERS))

    def then(text: str) -> None:
        barrier.wait(PATIENCE)
        log(text)

    guards = {u: make_guard("Guard", [Own(on_fail="noop").noting(then)]) for u in USERS}
    in_threads([lambda user=user: guards[user].validate(user) for user in USERS])
    assert {u: logged(guards[u]) for u in USERS} == {u: [f"judging {u}"] for u in USERS}


@repaired_by(Patch.LOG_SCOPE)
def test_async_guards_on_one_loop_have_their_own_logs() -> None:
    barrier = threading.Barrier(len(USERS))

    def then(text: str) -> None:
        barrier.wait(PATIENCE)
        log(text)

    guards = {u: make_guard("AsyncGuard", [Own(on_fail="noop").noting(then)]) for u in USERS}

    async def all_at_once() -> None:
        await asyncio.gather(*(guards[user].validate(user) for user in USERS))

    run_async_guard("running", all_at_once)
    assert {u: logged(guards[u]) for u in USERS} == {u: [f"judging {u}"] for u in USERS}


@repaired_by(Patch.LOG_SCOPE)
def test_interleaved_async_streams_have_their_own_logs() -> None:
    guards = {u: make_guard("AsyncGuard", [OwnStream(on_fail="noop").noting(log)]) for u in USERS}

    async def interleaved() -> None:
        everyone: list[Any] = []
        in_turn = {user: _InTurn(of(user), everyone) for user in USERS}
        await asyncio.gather(*(_read_async(guards[user], in_turn[user]) for user in USERS))

    run_async_guard("running", interleaved)
    for user in USERS:
        assert len(logged(guards[user])) > 1
        assert all(user in text for text in logged(guards[user]))


@repaired_by(Patch.LOG_SCOPE)
def test_a_guard_inside_a_validator_does_not_take_its_logs() -> None:
    inner = make_guard("Guard", [Own(on_fail="noop").noting(log)])

    def then(text: str) -> None:
        inner.validate("the inner answer")
        log(text)

    outer = make_guard("Guard", [Own(on_fail="noop").noting(then)])
    run_guard("run-sync", lambda: outer.validate("the outer answer"))
    assert logged(outer) == ["judging the outer answer"]
    assert logged(inner) == ["judging the inner answer"]


@repaired_by(Patch.LOG_SCOPE)
def test_the_next_call_finds_no_logs_of_one_that_is_gone() -> None:
    # Logs are filed by an object's id, and that of one that is gone is soon used again.
    seen = []

    def calls() -> None:
        for n in range(20):
            guard = make_guard("Guard", [Own(on_fail="noop").noting(log)])
            guard.validate(f"answer {n}")
            seen.append(logged(guard))
            del guard
            gc.collect()

    run_guard("run-sync", calls)
    assert seen == [[f"judging answer {n}"] for n in range(20)]


# --- traces of usage metrics -----------------------------------------------------------------

FOUR_TRACES = [("/guard_call",)] * 4


def check() -> Noting:
    """A validator that passes."""
    return Own(on_fail="noop").noting()


def read(guard: Any) -> None:
    """Reads a stream to its end."""
    for _ in stream(guard):
        pass


def call(guard: Any) -> None:
    """Validates an answer."""
    guard.validate("an answer")


@repaired_by(Patch.HUB_TELEMETRY)
@pytest.mark.parametrize("loop", ["idle", "run-sync", "running"])
@pytest.mark.parametrize("use", [call, read])
def test_each_call_is_a_trace_of_its_own(use: Any, loop: str) -> None:
    def calls() -> None:
        for _ in range(4):
            use(measured("Guard", check()))

    with collected() as exporter:
        run_guard(loop, calls)
    assert roots(exporter) == FOUR_TRACES


@repaired_by(Patch.HUB_TELEMETRY)
def test_a_call_that_fails_leaves_the_next_a_trace_of_its_own() -> None:
    def refuse(text: str) -> None:
        raise ConnectionError("no answer")

    def calls() -> None:
        for _ in range(4):
            with pytest.raises(ConnectionError):
                call(measured("Guard", Own(on_fail="noop").noting(refuse)))

    with collected() as exporter:
        run_guard("run-sync", calls)
    assert roots(exporter) == FOUR_TRACES


@repaired_by(Patch.HUB_TELEMETRY)
def test_each_call_in_a_thread_is_a_trace_of_its_own() -> None:
    guards = [measured("Guard", check()) for _ in range(4)]
    with collected() as exporter:
        in_threads([lambda guard=guard: call(guard) for guard in guards])
    assert roots(exporter) == FOUR_TRACES


@repaired_by(Patch.HUB_TELEMETRY)
@pytest.mark.parametrize("concurrent", [True, False], ids=["at once", "in turn"])
@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "call"])
def test_each_async_call_is_a_trace_of_its_own(streamed: bool, concurrent: bool) -> None:
    async def one() -> None:
        guard = measured("AsyncGuard", check())
        if streamed:
            async for _ in await async_stream(guard):
                pass
        else:
            await guard.validate("an answer")

    async def main() -> None:
        if concurrent:
            await asyncio.gather(*(one() for _ in range(4)))
        else:
            for _ in range(4):
                await one()

    with collected() as exporter:
        run_async_guard("running", main)
    assert roots(exporter) == FOUR_TRACES
