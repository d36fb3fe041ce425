"""What a validator's thread must not have of its caller's, and what the pool's owner sees."""

import asyncio
import decimal
import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

import anyio
import litellm  # noqa: F401 - takes long, and a call that takes chunks imports it
import pytest

from .chunked import async_stream
from .loops import in_thread, run_async_guard, run_guard
from .patches import Patch, unchanged_by
from .playing import make_guard
from .works import Works

pytestmark = unchanged_by(Patch.VALIDATORS)

# Shorter than what the tests wait for at all.
LIMIT = 5.0


async def _validate(work: Callable[[Any], Any]) -> Any:
    """Has an AsyncGuard's validator do something; returns what came of it."""
    check = Works().doing(work)
    await make_guard("AsyncGuard", [check]).validate("an answer")
    return check.results[-1]


async def _read(work: Callable[[Any], Any]) -> Any:
    check = Works().doing(work)
    async for _ in await async_stream(make_guard("AsyncGuard", [check])):
        pass
    return check.results[-1]


@pytest.mark.parametrize("make", [_validate, _read])
@pytest.mark.parametrize("backend", ["asyncio", "uvloop"])
def test_a_validator_can_run_an_event_loop_of_its_own(backend: str, make: Any) -> None:
    """A judge is asked with anyio.run, and the application has been started with it as well."""
    if backend == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop has no wheel for this Python")

    async def judge() -> str:
        await anyio.sleep(0)
        return "judged"

    async def application() -> Any:
        return await make(lambda value: anyio.run(judge))

    options = {"use_uvloop": backend == "uvloop"}
    run = functools.partial(anyio.run, application, backend_options=options)
    assert in_thread(run) == "judged"


def test_a_validators_precision_is_not_its_callers() -> None:
    def round_off(value: Any) -> None:
        decimal.getcontext().prec = 5

    async def call() -> decimal.Decimal:
        with decimal.localcontext():
            await _validate(round_off)
            return decimal.Decimal(1) / 7

    assert run_async_guard("running", call) == decimal.Decimal(1) / 7


def test_a_validators_precision_is_not_the_next_requests() -> None:
    """Both were begun by a server whose own decimal context they have inherited."""
    sevenths: list[decimal.Decimal] = []

    def round_off(value: Any) -> None:
        decimal.getcontext().prec = 5

    async def request() -> None:
        sevenths.append(decimal.Decimal(1) / 7)
        await _validate(round_off)

    async def call() -> None:
        with decimal.localcontext():
            for _ in range(2):
                await asyncio.ensure_future(request())

    run_async_guard("running", call)
    assert sevenths == [decimal.Decimal(1) / 7] * 2


class Naming(ThreadPoolExecutor):
    """A pool that names its jobs, as one that measures them does.

    Attributes:
        jobs: Module, name and arguments of each.
    """

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self.jobs: list[tuple[str, str, tuple[Any, ...]]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Notes the job, and hands on a wrapper of it."""
        named = fn.func if isinstance(fn, functools.partial) else fn
        self.jobs.append((named.__module__, named.__qualname__, args))

        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return fn(*args, **kwargs)

        return super().submit(wrapper, *args, **kwargs)


def test_the_owner_of_the_pool_sees_whose_job_it_is() -> None:
    pool = Naming()

    async def call() -> None:
        asyncio.get_running_loop().set_default_executor(pool)
        await _validate(len)
        await _read(len)

    run_async_guard("running", call)
    module = "guardrails.validator_base"
    assert pool.jobs[0] == (module, "Validator.validate", ("an answer", {}))
    assert set(pool.jobs[1:]) == {(module, "Validator.validate_stream", ())}


@pytest.mark.parametrize("guard", ["Guard", "AsyncGuard"])
def test_a_validators_own_loop_does_not_wait_for_the_thread_that_waits_for_it(guard: str) -> None:
    """The view of an asynchronous server calls a Guard, and its validator looks something up."""
    sync = pytest.importorskip("asgiref.sync")

    async def looked_up() -> str:
        name = sync.sync_to_async(lambda: threading.current_thread().name)
        # It would wait for ever.
        return str(await asyncio.wait_for(name(), LIMIT))

    check = Works().doing(lambda value: asyncio.run(looked_up()))

    def view() -> str:
        validate = make_guard(guard, [check]).validate
        if guard == "AsyncGuard":
            validate = sync.async_to_sync(validate)
        run_guard("idle", lambda: validate("an answer"))
        return threading.current_thread().name

    async def server() -> Any:
        async with sync.ThreadSensitiveContext():
            return await sync.sync_to_async(view)()

    name = in_thread(lambda: asyncio.run(server()))
    assert check.results
    assert check.results != [name]
