"""What nobody needs is not computed, and what is needed once is computed once."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import mlflow.tracing
import pytest
from guardrails.run import runner
from guardrails.telemetry import common, open_inference, runner_tracing, validator_tracing
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from .backends import global_provider, mlflow_own
from .loops import run_async_guard, run_guard
from .patches import Patch, repaired_by
from .playing import MESSAGES, make_guard
from .release import REDACTS
from .validators import Acted, validator

GUARDS = ("Guard", "AsyncGuard")
SERIALIZING = (open_inference, runner_tracing, validator_tracing)


def call(kind: str, method: str = "validate") -> None:
    """Calls a Guard with one validator."""
    guard = make_guard(kind, [_passing()])
    if kind == "Guard":
        run_guard("idle", lambda: _answer(guard, method, _llm))
    else:
        run_async_guard("running", lambda: _answer(guard, method, _async_llm))


def _answer(guard: Any, method: str, llm: Any) -> Any:
    if method == "__call__":
        return guard(llm, messages=MESSAGES)
    return getattr(guard, method)("an answer")


def _passing() -> Acted:
    return validator("validate", "first").part(lambda role: ExitStack(), "first")


def _llm(*args: Any, **kwargs: Any) -> str:
    return "an answer"


async def _async_llm(*args: Any, **kwargs: Any) -> str:
    return "an answer"


@contextmanager
def mlflow_switched_off() -> Iterator[None]:
    """guardrails is instrumented, and MLflow records nothing all the same."""
    with mlflow_own():
        mlflow.tracing.disable()
        try:
            yield
        finally:
            mlflow.tracing.enable()


NOBODY_RECORDS: dict[str, Any] = {
    "no provider": lambda: global_provider(None),
    "not sampled": lambda: global_provider(TracerProvider(sampler=ALWAYS_OFF)),
    "mlflow switched off": mlflow_switched_off,
}


@repaired_by(Patch.RECORDED)
@pytest.mark.parametrize("recording", NOBODY_RECORDS)
@pytest.mark.parametrize("kind", GUARDS)
@pytest.mark.parametrize("method", ["validate", "__call__"])
def test_nothing_is_serialized_that_nobody_records(kind: str, method: str, recording: str) -> None:
    with NOBODY_RECORDS[recording](), ExitStack() as stack:
        spies = [
            stack.enter_context(mock.patch.object(module, "serialize", wraps=common.serialize))
            for module in SERIALIZING
        ]
        call(kind, method)
    assert [spy.call_count for spy in spies] == [0, 0, 0]


@repaired_by(Patch.DESCRIBED)
@pytest.mark.parametrize("kind", GUARDS)
@pytest.mark.parametrize("method", ["validate", "parse"])
def test_no_schema_is_described_where_no_llm_is_asked(kind: str, method: str) -> None:
    name = "json_schema_to_rail_output"
    with mock.patch.object(runner, name, wraps=getattr(runner, name)) as described:
        call(kind, method)
    assert described.call_count == 0


@repaired_by(Patch.REDACTED)
@pytest.mark.skipif(not REDACTS, reason="arguments are redacted from 0.6.3 on")
def test_what_is_redacted_is_parsed_once() -> None:
    inner = json.dumps({"api_key": "sk-12345678"})
    outer = json.dumps({"kwargs": inner, "output": "An answer."})
    with mock.patch.object(json, "loads", wraps=json.loads) as parsed:
        redacted: Any = common.recursive_key_operation([outer, "An answer."], common.redact)
    assert redacted == [
        str({"kwargs": str({"api_key": "*******5678"}), "output": "An answer."}),
        "An answer.",
    ]
    assert Counter(each.args[0] for each in parsed.call_args_list) == {outer: 1, inner: 1}
