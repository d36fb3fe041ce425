"""What usage metrics say of one call, and whether they say it, is no other call's."""

import asyncio
import gc
import sys
from typing import Any

import pytest
from guardrails.classes.history import Call
from guardrails.classes.output_type import OutputTypes
from guardrails.hub_telemetry.hub_tracing import trace
from guardrails.llm_providers import get_llm_ask
from guardrails.run import StreamRunner
from guardrails.validator_base import PassResult, ValidationResult, register_validator

from .chunked import CHUNKS, llm, stream
from .loops import run_guard
from .metrics import collected, measured, roots
from .own_validators import Noting, Own
from .patches import Patch, repaired_by, unchanged_by
from .playing import MESSAGES, make_guard


def check() -> Noting:
    """A validator that passes."""
    return Own(on_fail="noop").noting()


@register_validator(name="tests/never-ends", data_type="all")
class NeverEnds(Noting):
    """A validator that is never done."""

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        """Waits for what does not come."""
        self.then and self.then(value)
        await asyncio.Event().wait()
        return PassResult()


@unchanged_by(Patch.HUB_TELEMETRY)
def test_a_pending_call_that_is_destroyed_complains_of_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    complaints = list[str]()
    monkeypatch.setattr(sys, "unraisablehook", lambda e: complaints.append(str(e.exc_value)))

    async def begin() -> "asyncio.Future[Any]":
        begun = asyncio.Event()
        never = NeverEnds(on_fail="noop").noting(lambda _: begun.set())
        task = asyncio.ensure_future(measured("AsyncGuard", never).validate("an answer"))
        await begun.wait()
        return task

    with collected():
        loop = asyncio.new_event_loop()
        task = loop.run_until_complete(begin())
        loop.close()
        del task
        gc.collect()
    assert [text for text in complaints if "Token" in text] == []


@repaired_by(Patch.HUB_TELEMETRY)
def test_a_validation_without_a_result_does_not_report_the_one_before() -> None:
    usage = trace(name="/validator_usage", origin="tests")
    judge = usage(lambda service, validator, result: result)
    with collected() as exporter:
        judge(object(), check(), PassResult())
        judge(object(), check(), None)
        one, other = (span.attributes for span in exporter.get_finished_spans())
    assert (one["validator_result"], other.get("validator_result")) == ("pass", None)


def silent() -> Any:
    """A Guard whose user has not allowed metrics."""
    guard = make_guard("Guard", [check()])
    guard.configure(allow_metrics_collection=False)
    return guard


@repaired_by(Patch.HUB_TELEMETRY)
def test_nothing_is_reported_of_who_has_not_allowed_it() -> None:
    with collected() as exporter:
        guard = silent()
        run_guard("run-sync", lambda: measured("Guard", check()).validate("an answer"))
        exporter.clear()
        run_guard("run-sync", lambda: guard.validate("an answer"))
        run_guard("run-sync", lambda: list(stream(guard)))
        assert exporter.get_finished_spans() == ()


@repaired_by(Patch.HUB_TELEMETRY)
def test_all_is_reported_of_who_has_allowed_it() -> None:
    with collected() as exporter:
        guard = measured("Guard", check())
        run_guard("run-sync", lambda: silent().validate("an answer"))
        exporter.clear()
        run_guard("run-sync", lambda: guard.validate("an answer"))
        assert roots(exporter) == [("/guard_call",)]


@repaired_by(Patch.HUB_TELEMETRY)
def test_streams_of_runners_without_a_guard_are_traces_of_their_own() -> None:
    def calls() -> None:
        for _ in range(3):
            runner: Any = StreamRunner(
                OutputTypes.STRING,
                {"type": "string"},
                0,
                {"$": [check()]},
                messages=MESSAGES,
                api=get_llm_ask(llm(CHUNKS), stream=True),
                disable_tracer=False,
            )
            for _ in runner(call_log=Call(), prompt_params={}):
                pass

    with collected() as exporter:
        run_guard("run-sync", calls)
    assert roots(exporter) == [("/reasks",)] * 3
