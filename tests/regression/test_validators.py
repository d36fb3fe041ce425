"""Validators run in the context of whoever called for them, and in a copy of it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from guardrails.validator_base import register_validator
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

from .backends import BACKENDS, Tracing
from .loops import run_async_guard
from .oracle import judge_tree
from .patches import Patch, repaired_by
from .playing import expected, make_guard, play
from .release import SHARES_PROVIDER
from .scenarios import Scenario
from .serving import Served
from .spans import node
from .stage import ROOT, VALUE, Sight, Stage, own_span
from .validators import Acted, span_of, validator

pytestmark = repaired_by(Patch.VALIDATORS)

OPENTELEMETRY = [
    Scenario("Guard", "validate", "idle", "validate", "opentelemetry"),
    Scenario("AsyncGuard", "validate", "running", "validate", "opentelemetry"),
]


def sights_of(stage: Stage, *roles: str) -> list[Sight]:
    """What the given roles saw."""
    return [sight for role, sight in stage.sights if role in roles]


@pytest.mark.parametrize("scenario", OPENTELEMETRY, ids=str)
def test_a_span_opened_in_a_validator_is_below_its_validation(scenario: Scenario) -> None:
    with BACKENDS["opentelemetry"]() as tracing:
        stage = Stage(tracing)
        play(scenario, stage)
        judge_tree(expected(scenario, stage), tracing.finished())


@pytest.mark.parametrize("scenario", OPENTELEMETRY, ids=str)
def test_a_validator_sees_the_callers_baggage(scenario: Scenario) -> None:
    with BACKENDS["opentelemetry"]() as tracing:
        stage = Stage(tracing)
        play(scenario, stage)
        assert {sight.baggage for sight in sights_of(stage, "first", "second")} == {VALUE}


def test_an_async_guards_validator_sees_the_callers_variables() -> None:
    with BACKENDS["opentelemetry"]() as tracing:
        stage = Stage(tracing)
        play(OPENTELEMETRY[1], stage)
        assert {sight.variable for sight in sights_of(stage, "first", "second")} == {VALUE}


@pytest.mark.parametrize("backend", ["mlflow", "mlflow-shared"])
def test_a_validators_active_span_is_its_validation_in_the_callers_trace(backend: str) -> None:
    if backend == "mlflow-shared" and not SHARES_PROVIDER:
        pytest.skip("this MLflow has no provider that OpenTelemetry shares")
    with BACKENDS[backend]() as tracing:
        assert _active_span_and_traces(tracing) == (span_of("first"), 1)


def test_opentelemetrys_threading_instrumentation_does_not_get_in_the_way() -> None:
    ThreadingInstrumentor().instrument()
    try:
        with BACKENDS["mlflow"]() as tracing:
            assert _active_span_and_traces(tracing) == (span_of("first"), 1)
    finally:
        ThreadingInstrumentor().uninstrument()


def _active_span_and_traces(tracing: Tracing) -> tuple[Any, int]:
    """What is active in the first validator, and how many traces there are at the end."""
    stage = Stage(tracing)
    play(Scenario("AsyncGuard", "validate", "running", "validate", "mlflow"), stage)
    (sight,) = sights_of(stage, "first")
    return sight.span, len({span.trace for span in tracing.finished()})


def test_the_next_request_in_a_pool_thread_finds_nothing_of_the_last_one() -> None:
    with BACKENDS["opentelemetry"]() as tracing:
        requests = Stage(tracing), Stage(tracing)

        async def main() -> None:
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
            for stage in requests:
                check = validator("validate", "first").part(stage.act, "first")
                await make_guard("AsyncGuard", [check]).validate("an answer")

        run_async_guard("running", main)
        assert [sight.left for stage in requests for _, sight in stage.sights] == [(), ()]


@pytest.mark.parametrize("method", ["async_validate", "async_validate_stream"])
def test_a_validator_by_itself_sees_its_callers_variables(method: str) -> None:
    seen = run_async_guard("running", lambda: Served().by_itself(method))
    assert seen == ["of its own"]


@register_validator(name="tests/ends", data_type="all")
class Ends(Acted):
    """A validator that lets a StopIteration out."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> Any:
        raise StopIteration("an iterator ended early")


def test_a_validator_that_raises_stop_iteration_does_not_hang() -> None:
    check = Ends(on_fail="noop")

    async def main() -> None:
        task = asyncio.ensure_future(check.async_validate("an answer", {}))
        # Where no future takes a StopIteration, the loop is told so, and the task never ends.
        asyncio.get_running_loop().set_exception_handler(lambda *_: task.cancel())
        with pytest.raises(RuntimeError, match="StopIteration") as caught:
            await task
        assert isinstance(caught.value.__cause__, StopIteration)
        assert "early" in str(caught.value.__cause__)

    run_async_guard("running", main)


def test_a_guard_inside_a_validator_continues_the_trace() -> None:
    with BACKENDS["opentelemetry"]() as tracing:
        outer, inner = Stage(tracing), Stage(tracing)
        check = validator("validate", "second").part(inner.act, "second")

        def act(role: str) -> Any:
            make_guard("Guard", [check]).validate("an answer")
            return outer.act(role)

        first = validator("validate", "first").part(act, "first")

        async def main() -> None:
            with outer.caller():
                await make_guard("AsyncGuard", [first]).validate("an answer")

        run_async_guard("running", main)
        judge_tree(_nested(), tracing.finished())


def _nested() -> Any:
    validation = node(span_of("second"), node(own_span("second")))
    inner = node("guard", node("step", node("call"), validation))
    outer = node(span_of("first"), inner, node(own_span("first")))
    return node(ROOT, node("guard", node("step", node("call"), outer)))
