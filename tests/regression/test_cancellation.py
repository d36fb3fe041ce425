"""One of several validators fails, or the whole call is cancelled: what becomes of the others."""

import asyncio
import gc
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import litellm  # noqa: F401 - takes long, and a call that takes chunks imports it
import pytest
from guardrails.classes.history import Iteration
from guardrails.validator_service import async_validate

from .backends import BACKENDS
from .chunked import async_stream
from .loops import run_async_guard, run_guard
from .patches import Patch, repaired_by, unchanged_by
from .playing import make_guard
from .siblings import Fails, Failure, Passes, Waits, WaitsInAThread
from .stage import ROOT

# Long enough for a call to come to where its validators wait.
SOON = 0.3
# Shorter than what the tests wait for at all.
LIMIT = 5.0

either_order = pytest.mark.parametrize("order", [1, -1], ids=["waits-first", "fails-first"])
# Before, whoever awaits a task that was cancelled gets a new exception.
messages_are_kept = pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio loses them")


@pytest.fixture(params=["running", "uvloop"])
def loop(request: pytest.FixtureRequest) -> str:
    """The loops that an AsyncGuard runs on."""
    if request.param == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop has no wheel for this Python")
    return str(request.param)


async def _validate(*checks: Any) -> Any:
    return await make_guard("AsyncGuard", list(checks)).validate("an answer")


async def _read(*checks: Any) -> None:
    async for _ in await async_stream(make_guard("AsyncGuard", list(checks))):
        pass


def _others() -> set[Any]:
    return asyncio.all_tasks() - {asyncio.current_task()}


@either_order
@repaired_by(Patch.SIBLINGS)
def test_a_failing_guard_cancels_its_validators_and_lets_them_end(order: int) -> None:
    waits = Waits()
    left: list[Any] = []

    def call() -> None:
        with pytest.raises(Failure):
            make_guard("Guard", [waits, Fails().ending_in()][::order]).validate("an answer")
        left.extend(asyncio.all_tasks(asyncio.get_event_loop_policy().get_event_loop()))

    run_guard("idle", call)
    assert waits.cleaned_up
    assert left == []


@either_order
@repaired_by(Patch.SIBLINGS)
def test_a_failing_async_guard_cancels_its_validators_and_lets_them_end(
    loop: str, order: int
) -> None:
    waits = Waits()

    async def call() -> None:
        before = _others()
        with pytest.raises(Failure):
            await _validate(*[waits, Fails().ending_in()][::order])
        assert waits.cleaned_up
        assert _others() == before

    run_async_guard(loop, call)


@repaired_by(Patch.SIBLINGS)
def test_a_failing_stream_cancels_its_validators_and_lets_them_end(loop: str) -> None:
    waits = Waits()

    async def call() -> None:
        before = _others()
        with pytest.raises(Failure):
            await _read(waits, Fails().ending_in())
        assert waits.cleaned_up
        assert _others() == before

    run_async_guard(loop, call)


@repaired_by(Patch.SIBLINGS)
def test_a_span_ends_with_its_call_while_its_thread_goes_on() -> None:
    waits = WaitsInAThread()
    with BACKENDS["opentelemetry"]() as tracing:

        async def call() -> None:
            with tracing.span(ROOT), pytest.raises(Failure):
                await _validate(waits, Fails().ending_in())

        with _let_go(waits):
            run_async_guard("running", lambda: _then(call, waits))
        ended = [span.name for span in tracing.finished()]
    assert "regression/waits-in-a-thread.validate" in ended[: ended.index(tracing.guard)]


async def _then(call: Any, waits: WaitsInAThread) -> None:
    """Makes a call; a loop that is closed would wait for the thread."""
    await call()
    assert not waits.passed.is_set()
    waits.let_go.set()


@contextmanager
def _let_go(waits: WaitsInAThread) -> Iterator[None]:
    try:
        yield
    finally:
        waits.let_go.set()


@pytest.mark.parametrize("waits", [Waits, WaitsInAThread])
@unchanged_by(Patch.SIBLINGS)
def test_a_failure_does_not_wait_for_a_validator_that_waits_for_it(loop: str, waits: Any) -> None:
    """The application's own time limit would end the wait, and its retry with it."""
    check = waits()

    async def call() -> None:
        try:
            with pytest.raises(Failure):
                await asyncio.wait_for(_validate(check, Fails().ending_in()), LIMIT)
        finally:
            if waits is WaitsInAThread:
                check.let_go.set()

    run_async_guard(loop, call)


@unchanged_by(Patch.SIBLINGS)
def test_a_guard_does_not_wait_for_a_thread_that_waits_for_its_failure() -> None:
    waits = WaitsInAThread()

    def call() -> None:
        with _let_go(waits), pytest.raises(Failure):
            make_guard("Guard", [waits, Fails().ending_in()]).validate("an answer")
        assert waits.passed.wait(LIMIT)

    run_guard("idle", call)


@unchanged_by(Patch.SIBLINGS)
def test_the_first_failure_in_time_is_raised(loop: str) -> None:
    later, sooner = Fails().ending_in(KeyError, turns=9), Fails().ending_in(Failure)

    async def call() -> None:
        with pytest.raises(Failure):
            await _validate(later, sooner)

    run_async_guard(loop, call)


@messages_are_kept
@unchanged_by(Patch.SIBLINGS)
def test_a_validators_own_cancellation_keeps_its_message(loop: str) -> None:
    gives_up = Fails().ending_in(lambda: asyncio.CancelledError("budget spent"))

    async def call() -> None:
        with pytest.raises(asyncio.CancelledError, match="budget spent"):
            await _validate(gives_up, Passes())

    run_async_guard(loop, call)


@messages_are_kept
@pytest.mark.parametrize("make", [_validate, _read])
@unchanged_by(Patch.SIBLINGS)
def test_a_cancellation_arrives_as_it_came(loop: str, make: Any) -> None:
    async def call() -> None:
        task = asyncio.ensure_future(make(Waits(), Passes()))
        await asyncio.sleep(SOON)
        task.cancel("because")
        with pytest.raises(asyncio.CancelledError, match="because"):
            await task
        if sys.version_info >= (3, 11):
            assert task.cancelling() == 1

    run_async_guard(loop, call)


@pytest.mark.parametrize("make", [_validate, _read])
@unchanged_by(Patch.SIBLINGS)
def test_an_anyio_scope_ends_a_call_whose_last_validator_is_done(loop: str, make: Any) -> None:
    async def call() -> None:
        with anyio.move_on_after(SOON) as scope:
            await make(Waits(), Passes())
        assert scope.cancelled_caught
        with pytest.raises(TimeoutError), anyio.fail_after(SOON):
            await make(Waits(), Passes())

    run_async_guard(loop, call)


@unchanged_by(Patch.SIBLINGS)
def test_a_time_limit_ends_a_call_whose_last_validator_is_done(loop: str) -> None:
    async def call() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(_validate(Waits(), Passes()), SOON)
        if sys.version_info >= (3, 11):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(SOON):
                    await _validate(Waits(), Passes())
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0

    run_async_guard(loop, call)


@unchanged_by(Patch.SIBLINGS)
def test_a_cancelled_validator_cleans_up_undisturbed(loop: str) -> None:
    """A second cancellation would arrive in the midst of it."""
    waits = Waits()

    async def call() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(_validate(waits), SOON)
        assert waits.cleaned_up

    run_async_guard(loop, call)


@unchanged_by(Patch.SIBLINGS)
def test_a_failure_that_nobody_keeps_is_gone_at_once() -> None:
    """What a validator had in hand must not wait for the garbage collector."""
    watched: list[Any] = []

    def fail() -> Exception:
        marker = Failure()
        watched.append(weakref.ref(marker))
        return marker

    async def call() -> None:
        with pytest.raises(Failure):
            # A Guard's history would keep it.
            checks = {"$": [Passes(), Fails().ending_in(fail)]}
            await async_validate("an answer", {}, checks, Iteration(call_id="call", index=0))
        # The loop itself lets go of a task in its next turn.
        for _ in range(3):
            await asyncio.sleep(0)

    gc.disable()
    try:
        run_async_guard("running", call)
        alive = [reference for reference in watched if reference() is not None]
    finally:
        gc.enable()
    assert watched
    assert alive == []
