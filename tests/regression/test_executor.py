"""The executor's contract."""

import asyncio
import decimal
import gc
import multiprocessing
import operator
import threading
import traceback
import warnings
import weakref
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from contextvars import ContextVar
from functools import partial
from typing import Any, Optional

import pytest
import sniffio
from hypothesis import given
from hypothesis import strategies as st

from .executor import EVENT_LOOPS, new_loop, run, run_in_executor
from .patches import Patch, repaired_by
from .waiting import PATIENCE

pytestmark = repaired_by(Patch.VALIDATORS)
on_each_loop = pytest.mark.parametrize("loop", EVENT_LOOPS)

VARIABLES = tuple(ContextVar(f"variable_{n}", default=0) for n in range(4))
VARIABLE: ContextVar[Any] = ContextVar("VARIABLE", default=None)


class Marker:
    """Something whose end can be watched."""


class OwnStopIteration(StopIteration):
    """A subclass, which a Future refuses no less."""


@on_each_loop
def test_the_function_sees_the_callers_variables(loop: str) -> None:
    async def main() -> None:
        VARIABLE.set("the caller's")
        assert await run_in_executor(VARIABLE.get) == "the caller's"

    run(loop, main)


@on_each_loop
def test_the_context_is_that_of_the_moment_of_the_call(loop: str) -> None:
    async def main() -> None:
        free = threading.Event()
        pool = ThreadPoolExecutor(1)
        asyncio.get_running_loop().set_default_executor(pool)
        busy = pool.submit(free.wait, PATIENCE)
        VARIABLE.set("at the call")
        try:
            future = run_in_executor(VARIABLE.get)
            VARIABLE.set("after the call")
        finally:
            free.set()
        assert await future == "at the call"
        assert busy.result(PATIENCE)

    run(loop, main)


@on_each_loop
def test_what_the_function_sets_stays_with_it(loop: str) -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        await run_in_executor(VARIABLE.set, "the function's")
        assert VARIABLE.get() is None
        assert await run_in_executor(VARIABLE.get) is None

    run(loop, main)


@on_each_loop
def test_what_the_thread_has_of_its_own_is_not_seen(loop: str) -> None:
    async def main() -> None:
        pool = ThreadPoolExecutor(1, initializer=VARIABLE.set, initargs=("the thread's",))
        asyncio.get_running_loop().set_default_executor(pool)
        assert await run_in_executor(VARIABLE.get) is None

    run(loop, main)


@on_each_loop
@pytest.mark.parametrize("error", [StopIteration("end"), OwnStopIteration("end")])
def test_a_stop_iteration_arrives_as_the_cause_of_a_runtime_error(
    loop: str, error: StopIteration
) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match=type(error).__name__) as caught:
            await run_in_executor(_raise, error)
        assert caught.value.__cause__ is error

    run(loop, main)


@on_each_loop
@pytest.mark.parametrize("error", [ValueError("no"), KeyError("no"), SystemError("no")])
def test_an_exception_arrives_as_it_was_raised(loop: str, error: Exception) -> None:
    async def main() -> None:
        with pytest.raises(type(error)) as caught:
            await run_in_executor(_raise, error)
        assert caught.value is error
        frames = traceback.extract_tb(error.__traceback__)
        assert frames[-1].name == "_raise"

    run(loop, main)


@on_each_loop
def test_a_kept_exception_keeps_neither_the_context_nor_the_arguments(loop: str) -> None:
    async def main() -> Any:
        held, given = Marker(), Marker()
        watched = weakref.ref(held), weakref.ref(given)
        VARIABLE.set(held)
        future = run_in_executor(_drop_and_raise, given)
        del held, given
        # Not raised here: on recent Pythons this frame, in its traceback, would hold the variable.
        await asyncio.wait([future])
        return future.exception(), watched

    kept, watched = run(loop, main)
    gc.collect()
    assert [reference() for reference in watched] == [None, None]
    assert str(kept) == "kept"
    assert kept.__traceback__ is not None


@on_each_loop
def test_the_loops_default_executor_does_the_work(loop: str) -> None:
    async def main() -> None:
        pool = ThreadPoolExecutor(1, thread_name_prefix="the-users-own")
        asyncio.get_running_loop().set_default_executor(pool)
        assert (await run_in_executor(_thread_name)).startswith("the-users-own")

    run(loop, main)


@on_each_loop
def test_each_of_many_concurrent_calls_has_its_own_values(loop: str) -> None:
    async def request(value: int) -> int:
        VARIABLE.set(value)
        return await run_in_executor(VARIABLE.get)

    async def main() -> None:
        requests = [asyncio.ensure_future(request(value)) for value in range(200)]
        assert await asyncio.gather(*requests) == list(range(200))

    run(loop, main)


@on_each_loop
def test_the_function_has_a_copy_of_decimals_context(loop: str) -> None:
    def round_off() -> int:
        before, decimal.getcontext().prec = decimal.getcontext().prec, 5
        return before

    async def main() -> None:
        with decimal.localcontext() as context:
            context.prec = 9
            assert [await run_in_executor(round_off) for _ in range(2)] == [9, 9]
            assert context.prec == 9

    run(loop, main)


@on_each_loop
def test_the_function_is_not_told_of_the_callers_event_loop(loop: str) -> None:
    library = sniffio.current_async_library_cvar

    async def main() -> None:
        token = library.set("asyncio")
        try:
            assert await run_in_executor(library.get) is None
            assert library.get() == "asyncio"
        finally:
            library.reset(token)

    run(loop, main)


@on_each_loop
def test_the_executor_sees_the_function_and_its_arguments(loop: str) -> None:
    class Looking(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            seen.append((*_looks(fn), args))
            return super().submit(fn, *args, **kwargs)

    seen: list[Any] = []
    octal = partial(int, base=8)

    async def main() -> None:
        asyncio.get_running_loop().set_default_executor(Looking(1))
        await run_in_executor(_raise_nothing, "17")
        await run_in_executor(octal, "17")

    run(loop, main)
    assert seen == [(*_looks(_raise_nothing), ("17",)), (*_looks(octal), ("17",))]


def _looks(fn: Any) -> tuple[Any, ...]:
    """What someone who names jobs looks at; of a partial, at what it is one of."""
    names = [getattr(fn, name, None) for name in ("__module__", "__name__", "__qualname__")]
    if isinstance(fn, partial) and isinstance(fn.func, (type, partial)):
        return (*names, fn.func, fn.args, fn.keywords)
    return tuple(names)


def _raise_nothing(text: str) -> str:
    return text


def test_a_process_pool_works_without_the_context_and_with_one_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        used = [loop for loop in EVENT_LOOPS if _added_in_processes(loop)]
    if not used:
        pytest.skip("no event loop takes a process pool as its default executor here")
    said = [w for w in caught if w.category is RuntimeWarning and "context" in str(w.message)]
    assert len(said) == 1, [str(w.message) for w in caught]


def _added_in_processes(kind: str) -> bool:
    """Whether the loop takes a process pool; then it has to work, twice."""
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
    with pool, closing(new_loop(kind)) as loop:
        try:
            loop.set_default_executor(pool)
        except TypeError:
            return False
        assert loop.run_until_complete(asyncio.wait_for(_sums(), PATIENCE)) == [3, 7]
        return True


async def _sums() -> list[int]:
    return [await run_in_executor(operator.add, a, b) for a, b in ((1, 2), (3, 4))]


CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "values": st.dictionaries(st.sampled_from(range(4)), st.integers(1, 9)),
            "sets": st.dictionaries(st.sampled_from(range(4)), st.integers(10, 19)),
            "error": st.sampled_from([None, ValueError, StopIteration, OwnStopIteration]),
        }
    ),
    min_size=1,
    max_size=8,
)


@given(calls=CALLS, loop=st.sampled_from(EVENT_LOOPS))
def test_calls_see_their_own_context_and_nothing_of_each_other(
    calls: list[dict[str, Any]], loop: str
) -> None:
    async def main() -> None:
        requests = [asyncio.ensure_future(_request(**call)) for call in calls]
        seen = await asyncio.gather(*requests)
        assert seen == [[call["values"].get(n, 0) for n in range(4)] for call in calls]
        assert [variable.get() for variable in VARIABLES] == [0, 0, 0, 0]

    run(loop, main)


async def _request(
    values: dict[int, int], sets: dict[int, int], error: Optional[type[Exception]]
) -> list[int]:
    """One caller with its own values; what the function saw of them is returned."""
    seen: list[int] = []
    for n, value in values.items():
        VARIABLES[n].set(value)
    try:
        await run_in_executor(_look_set_raise, seen, sets, error)
    except (RuntimeError, ValueError) as raised:
        assert error is not None
        assert isinstance(raised, error) or isinstance(raised.__cause__, error)
    else:
        assert error is None
    assert [variable.get() for variable in VARIABLES] == [values.get(n, 0) for n in range(4)]
    return seen


def _look_set_raise(
    seen: list[int], sets: dict[int, int], error: Optional[type[Exception]]
) -> None:
    seen += [variable.get() for variable in VARIABLES]
    for n, value in sets.items():
        VARIABLES[n].set(value)
    if error is not None:
        raise error("on purpose")


def _raise(error: Exception) -> None:
    raise error


def _drop_and_raise(*arguments: Any) -> None:
    del arguments
    raise ValueError("kept")


def _thread_name() -> str:
    return threading.current_thread().name
