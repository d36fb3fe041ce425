"""A Guard starts from its caller's context, and gives it back as it was."""

import asyncio
import sys
from contextvars import Context, ContextVar
from typing import Any

import pytest
from guardrails.stores.context import get_call_kwargs, get_guard_name

from .backends import BACKENDS, OpenTelemetryTracing
from .loops import run_async_guard, run_guard
from .oracle import judge_tree, return_faults
from .patches import Patch, repaired_by
from .playing import KWARGS, MESSAGES, make_guard
from .spans import Node, node
from .stage import NAME, ROOT, SECRET, VALUE, Stage, own_span
from .validators import span_of, validator
from .waiting import PATIENCE

pytestmark = repaired_by(Patch.GUARD)


def checks(stage: Stage) -> list[Any]:
    """One validator that passes."""
    return [validator("validate", "first").part(stage.act, "first")]


async def refusing_llm(*, messages: Any = None, **kwargs: Any) -> str:
    raise ConnectionError("no answer")


def test_an_async_guard_leaves_no_call_kwargs_in_its_callers_task() -> None:
    async def request(stage: Stage) -> list[str]:
        with stage.caller():
            await make_guard("AsyncGuard", checks(stage)).validate("an answer", **KWARGS)
        return return_faults(stage)

    async def main(tracing: Any) -> None:
        requests = [asyncio.ensure_future(request(Stage(tracing))) for _ in range(200)]
        assert await asyncio.gather(*requests) == [[]] * 200

    with BACKENDS["opentelemetry"]() as tracing:
        run_async_guard("running", lambda: main(tracing))


def test_a_call_that_fails_leaves_no_call_kwargs() -> None:
    async def main(stage: Stage) -> None:
        with stage.caller(), pytest.raises(Exception, match="no answer"):
            await make_guard("AsyncGuard", [])(refusing_llm, messages=MESSAGES, **KWARGS)
        assert return_faults(stage) == []

    with BACKENDS["opentelemetry"]() as tracing:
        run_async_guard("running", lambda: main(Stage(tracing)))


def test_a_call_that_is_cancelled_leaves_no_call_kwargs() -> None:
    async def request(stage: Stage, called: asyncio.Event) -> list[str]:
        async def never(*, messages: Any = None, **kwargs: Any) -> str:
            called.set()
            await asyncio.Event().wait()
            return "never"

        with stage.caller(), pytest.raises(asyncio.CancelledError):
            await make_guard("AsyncGuard", [])(never, messages=MESSAGES, **KWARGS)
        return return_faults(stage)

    async def main(stage: Stage) -> None:
        called = asyncio.Event()
        task = asyncio.ensure_future(request(stage, called))
        await called.wait()
        task.cancel()
        assert await task == []

    with BACKENDS["opentelemetry"]() as tracing:
        run_async_guard("running", lambda: main(Stage(tracing)))


def test_a_timeout_reaches_the_llm_which_knows_whose_call_it_is() -> None:
    ended: list[str] = []
    timeout, skipped = PATIENCE / 2, 0.0

    async def never(*, messages: Any = None, **kwargs: Any) -> str:
        nonlocal skipped
        try:
            # However slow the machine is, the time is up now and not before.
            skipped = timeout
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(get_guard_name())
            raise
        return "never"

    async def main() -> None:
        loop = asyncio.get_running_loop()
        clock = loop.time
        setattr(loop, "time", lambda: clock() + skipped)  # noqa: B010 - mypy refuses the plain form
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(make_guard("AsyncGuard", [])(never, messages=MESSAGES), timeout)

    run_async_guard("running", main)
    assert ended == [NAME]


def test_an_async_guards_llm_runs_in_its_callers_own_task_with_the_guards_name() -> None:
    async def llm(*, messages: Any = None, **kwargs: Any) -> str:
        seen.append((asyncio.current_task(), get_guard_name(), get_call_kwargs().get("api_key")))
        return "an answer"

    async def main() -> None:
        await make_guard("AsyncGuard", [])(llm, messages=MESSAGES, **KWARGS)
        assert seen == [(asyncio.current_task(), NAME, SECRET)]

    seen: list[Any] = []
    run_async_guard("running", main)


def test_an_async_guards_spans_have_its_name() -> None:
    names: dict[str, Any] = {}

    async def main(stage: Stage) -> None:
        await make_guard("AsyncGuard", checks(stage)).validate("an answer")

    with BACKENDS["opentelemetry"]() as tracing:
        assert isinstance(tracing, OpenTelemetryTracing)
        run_async_guard("running", lambda: main(Stage(tracing)))
        names = {s.name: s.attributes.get("guard.name") for s in tracing.exported()}
    assert (names["guard"], names["step"], names["call"]) == (NAME, NAME, NAME)


@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
def test_every_attempt_has_a_step_of_its_own(kind: str) -> None:
    with BACKENDS["opentelemetry"]() as tracing:
        stage = Stage(tracing)
        check = validator("validate", "first", on_fail="reask")
        check.part(stage.act, "first", fails=True)
        _call_twice(kind, make_guard(kind, [check]), stage)
        judge_tree(_attempts(2), tracing.finished())
        assert {sight.variable for _, sight in stage.sights} == {VALUE}
        assert {sight.guard for _, sight in stage.sights} == {NAME}
        assert return_faults(stage) == []


def _call_twice(kind: str, guard: Any, stage: Stage) -> None:
    """The validator finds fault, and the Guard may ask once more."""

    def call() -> None:
        with stage.caller():
            guard(stage.llm, messages=MESSAGES, num_reasks=1)

    async def async_call() -> None:
        with stage.caller():
            await guard(stage.async_llm, messages=MESSAGES, num_reasks=1)

    if kind == "Guard":
        run_guard("idle", call)
    else:
        run_async_guard("running", async_call)


def _attempts(count: int) -> Node:
    validation = node(span_of("first"), node(own_span("first")))
    step = node("step", node("call", node(own_span("llm"))), validation)
    return node(ROOT, node("guard", *[step] * count))


def test_a_second_call_finds_nothing_of_the_first() -> None:
    with BACKENDS["opentelemetry"]() as tracing:
        stages = Stage(tracing), Stage(tracing)

        def call() -> None:
            for stage in stages:
                with stage.caller():
                    make_guard("Guard", checks(stage))(stage.llm, messages=MESSAGES, **KWARGS)

        run_guard("idle", call)
        for stage in stages:
            llm, first = (sight for _, sight in stage.sights)
            assert (llm.variable, llm.left) == (VALUE, ())
            assert first.variable == VALUE
            assert return_faults(stage) == []


@pytest.mark.parametrize("inner_kind", ["validate", "async_validate"])
def test_a_guard_inside_a_validator_has_a_name_of_its_own(inner_kind: str) -> None:
    names: list[str] = []

    def act(role: str) -> Any:
        names.append(get_guard_name())
        check = validator(inner_kind, "second").part(stage.act, "second")
        make_guard("Guard", [check], name="inner").validate("an answer")
        names.append(get_guard_name())
        return stage.act(role)

    async def main() -> None:
        with stage.caller():
            first = validator("validate", "first").part(act, "first")
            await make_guard("AsyncGuard", [first]).validate("an answer")

    with BACKENDS["opentelemetry"]() as tracing:
        stage = Stage(tracing)
        run_async_guard("running", main)
    sights = dict(stage.sights)
    assert names == [NAME, NAME]
    assert (sights["second"].guard, sights["second"].variable) == ("inner", VALUE)
    assert (sights["first"].guard, sights["first"].variable) == (NAME, VALUE)


def test_looking_something_up_does_not_depend_on_how_many_variables_there_are() -> None:
    few, many = Context(), Context()
    few.run(_fill, 10)
    many.run(_fill, 1_000)
    assert many.run(_work, get_guard_name) == few.run(_work, get_guard_name)


def _fill(count: int) -> None:
    for n in range(count):
        variable: ContextVar[int] = ContextVar(f"the caller's {n}")
        variable.set(n)


def _work(look_up: Any) -> list[str]:
    """What is executed, line by line and builtin by builtin, to look something up."""
    work: list[str] = []

    def line(frame: Any, event: str, argument: Any) -> Any:
        work.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
        return line

    def builtin(frame: Any, event: str, argument: Any) -> None:
        if event == "c_call" and argument is not sys.setprofile:
            work.append(argument.__qualname__)

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(line)
    sys.setprofile(builtin)
    try:
        look_up()
    finally:
        sys.setprofile(before[1])
        sys.settrace(before[0])
    return [entry for entry in work if not entry.startswith("_work")]
