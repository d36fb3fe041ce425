"""Plays a scenario on a stage: makes the Guard and calls it where the event loop is wanted."""

from collections.abc import Sequence
from typing import Any

from guardrails import AsyncGuard, Guard

from .loops import run_async_guard, run_guard
from .scenarios import Scenario
from .spans import Node, node
from .stage import NAME, ROOT, SECRET, Stage, own_span
from .validators import Acted, span_of, validator

KWARGS = {"api_key": SECRET, "temperature": 0}
MESSAGES = [{"role": "user", "content": "a question"}]


def play(scenario: Scenario, stage: Stage) -> None:
    """Makes the call that a scenario describes: two validators, of which the first fails."""
    guard = make_guard(scenario.guard, validators(scenario.validator, stage))
    if scenario.guard == "AsyncGuard":
        run_async_guard(scenario.loop, lambda: _async_call(guard, scenario.method, stage))
    else:
        run_guard(scenario.loop, lambda: _call(guard, scenario.method, stage))


def validators(kind: str, stage: Stage) -> tuple[Acted, Acted]:
    """A validator that fails, with a handler for that, and one that passes."""
    first = validator(kind, "first", on_fail=stage.on_fail).part(stage.act, "first", fails=True)
    return first, validator(kind, "second").part(stage.act, "second")


def make_guard(kind: str, checks: Sequence[Acted], name: str = NAME) -> Any:
    """A string guard with a name."""
    cls = {"Guard": Guard, "AsyncGuard": AsyncGuard}[kind]
    return cls.for_string(checks, name=name)


def _call(guard: Any, method: str, stage: Stage) -> None:
    args, kwargs = arguments(method, stage.llm)
    with stage.caller():
        getattr(guard, method)(*args, **kwargs)


async def _async_call(guard: Any, method: str, stage: Stage) -> None:
    args, kwargs = arguments(method, stage.async_llm)
    with stage.caller():
        await getattr(guard, method)(*args, **kwargs)


def arguments(method: str, llm: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What each method is called with; `parse` and `validate` are given the LLM's answer."""
    if method == "__call__":
        return (llm,), {"messages": MESSAGES, **KWARGS}
    return ("an answer",), dict(KWARGS)


def expected(scenario: Scenario, stage: Stage) -> Node:
    """The one tree that every scenario with the same method has, in whichever mode."""
    names, called = stage.tracing, scenario.method == "__call__"
    llm = [node(own_span("llm"))] if called else []
    step = node(
        names.step,
        node(names.call, *llm),
        node(span_of("first"), node(own_span("first"))),
        node(own_span("on_fail")),
        node(span_of("second"), node(own_span("second"))),
    )
    return node(ROOT, node(names.guard, step))


def surroundings(scenario: Scenario, stage: Stage) -> dict[str, str]:
    """The span that is current for each role when it is called."""
    roles = {"first": span_of("first"), "on_fail": stage.tracing.step, "second": span_of("second")}
    return {**({"llm": stage.tracing.call} if scenario.method == "__call__" else {}), **roles}
