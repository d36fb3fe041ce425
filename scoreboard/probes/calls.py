"""D1 to D3: what a call's validators, LLM and handlers see, and what it leaves behind."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from regression.backends import BACKENDS
from regression.loops import run_async_guard
from regression.oracle import return_faults
from regression.playing import KWARGS, MESSAGES
from regression.scenarios import LOOPS as REGRESSION_LOOPS
from regression.scenarios import METHODS, Scenario
from regression.serving import Request, Served, expected
from regression.spans import Span, seen_paths
from regression.stage import NAME, ROOT, VALUE, Stage
from regression.validators import span_of, validator

from scoreboard.cells import Faults, probes
from scoreboard.situations import GUARDS, LOOPS, differing, guard_of, played

REQUESTS = 50


@probes("D1", "baggage in validators", GUARDS, METHODS)
def baggage(kind: str, method: str) -> Faults:
    """A validator sees the caller's OpenTelemetry baggage."""
    stage, _ = played(Scenario(kind, method, LOOPS[kind], "validate", "opentelemetry"))
    return differing(stage, "baggage", VALUE, "first", "second")


@probes("D1", "ContextVar in an AsyncGuard's validators", ("running", "thread", "uvloop"))
def variable(loop: str) -> Faults:
    """A validator sees the caller's ContextVar."""
    stage, _ = played(Scenario("AsyncGuard", "__call__", loop, "validate", "opentelemetry"))
    return differing(stage, "variable", VALUE, "first", "second")


@probes("D1", "current span in validators", GUARDS, ("opentelemetry", "mlflow"))
def current_span(kind: str, tracing: str) -> Faults:
    """A validator's own spans hang under its validation."""
    stage, _ = played(Scenario(kind, "__call__", LOOPS[kind], "validate", tracing))
    return [
        *differing(stage, "span", span_of("first"), "first"),
        *differing(stage, "span", span_of("second"), "second"),
    ]


@probes("D1", "validator by itself", ("async_validate", "async_validate_stream"))
def alone(method: str) -> Faults:
    """A validator that nobody's Guard runs sees its caller's ContextVar."""
    seen = run_async_guard("running", lambda: Served().by_itself(method))
    return [] if seen == ["of its own"] else [f"it saw {seen}"]


@probes("D1", "what the last request left in the pool's thread", ("AsyncGuard",))
def pool_thread(kind: str) -> Faults:
    """The next request in a pool's thread finds nothing of the last one."""
    with BACKENDS["opentelemetry"]() as tracing:
        requests = Stage(tracing), Stage(tracing)

        async def main() -> None:
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
            for stage in requests:
                check = validator("validate", "first").part(stage.act, "first")
                await guard_of(kind, check).validate("an answer")

        run_async_guard("running", main)
    return [fault for stage in requests for fault in differing(stage, "left", (), "first")]


@probes("D1", f"{REQUESTS} AsyncGuards at once")
def at_once() -> Faults:
    """Each of many concurrent Guards validates in its own context."""
    served, requests = Served(), [Request(f"request {n}") for n in range(REQUESTS)]
    run_async_guard("running", lambda: served.all_at_once(requests))
    lost = {value for value, _ in expected(requests)} - {value for value, _ in served.seen}
    return [f"{len(lost)} of {REQUESTS} were lost"] if lost else []


@probes("D2", "ContextVar in a Guard's LLM and on_fail handler", REGRESSION_LOOPS["Guard"])
def guards_variable(loop: str) -> Faults:
    """Whom a Guard calls in its caller's thread sees the caller's ContextVar."""
    stage, _ = played(Scenario("Guard", "__call__", loop, "validate", "opentelemetry"))
    return differing(stage, "variable", VALUE, "llm", "on_fail")


@probes("D2", "MLflow's spans of a Guard", METHODS, ("idle", "run-sync"))
def one_trace(method: str, loop: str) -> Faults:
    """The guard's spans are in the caller's trace."""
    _, spans = played(Scenario("Guard", method, loop, "validate", "mlflow"))
    guard, step = "guardrails/guard", "guardrails/guard/step"
    return _misplaced(spans, guard, (ROOT, guard)) + _misplaced(spans, step, (ROOT, guard, step))


def _misplaced(spans: list[Span], name: str, wanted: tuple[str, ...]) -> Faults:
    paths = [path for path in seen_paths(spans).elements() if path[-1] == name]
    return [] if paths == [wanted] else [f"{name} is at {paths}"]


@probes("D3", "call kwargs after an AsyncGuard's call", METHODS)
def left_behind(method: str) -> Faults:
    """The API key is not to be found in the caller's context afterwards."""
    stage, _ = played(Scenario("AsyncGuard", method, "running", "validate", "opentelemetry"))
    return return_faults(stage)


@probes("D3", "call kwargs after an AsyncGuard's call", ("failed", "cancelled"))
def left_behind_by_a_failure(end: str) -> Faults:
    """Nor is it when the call did not come to its end."""

    async def llm(*, messages: Any = None, **kwargs: Any) -> str:
        if end == "cancelled":
            await asyncio.Event().wait()
        raise ConnectionError("no answer")

    async def main(stage: Stage) -> Faults:
        with stage.caller(), suppress(Exception):
            call = guard_of("AsyncGuard")(llm, messages=MESSAGES, **KWARGS)
            await _ended(call, end)
        return return_faults(stage)

    with BACKENDS["opentelemetry"]() as tracing:
        return list(run_async_guard("running", lambda: main(Stage(tracing))))


async def _ended(call: Any, end: str) -> None:
    """Waits for a call in the caller's own task; one that never ends is cancelled."""
    task = asyncio.current_task()
    assert task is not None
    if end == "cancelled":
        asyncio.get_running_loop().call_later(0.05, task.cancel)
    with suppress(asyncio.CancelledError):
        await call


@probes("D3", "an AsyncGuard's name in its validators", METHODS)
def name(method: str) -> Faults:
    """A validator sees the name of the Guard that runs it."""
    stage, _ = played(Scenario("AsyncGuard", method, "running", "async_validate", "opentelemetry"))
    return differing(stage, "guard", NAME, "first", "second")


@probes("D3", "an AsyncGuard's name on its spans", ("step", "call"))
def name_on_spans(span: str) -> Faults:
    """Each span of a Guard has its name."""
    with BACKENDS["opentelemetry"]() as tracing:
        run_async_guard("running", lambda: guard_of("AsyncGuard").validate("an answer"))
        seen = [each for each in tracing.exported() if each.name == span]
    names = [each.attributes.get("guard.name") for each in seen]
    return [] if names == [NAME] else [f"guard.name is {names}"]
