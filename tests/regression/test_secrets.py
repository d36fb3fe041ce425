"""A secret that somebody gives to a Guard, a validator or an LLM call is in no span."""

import asyncio
from copy import deepcopy
from typing import Any

import pytest
from guardrails.llm_providers import ArbitraryCallable

from .backends import BACKENDS
from .chunked import async_stream, stream
from .hiding_places import ANSWER, Secrets, check, kwargs, metadata, recorded_by
from .loops import run_async_guard, run_guard
from .patches import Patch, repaired_by, unchanged_by
from .playing import MESSAGES, make_guard


def ask(guard: Any, secrets: Secrets) -> Any:
    """Has a Guard ask an LLM."""
    given = {"messages": MESSAGES, "metadata": metadata(secrets), **kwargs(secrets)}
    if type(guard).__name__ == "Guard":
        return guard(lambda *args, messages=None, **kwargs: ANSWER, **given)

    async def answer(*args: Any, messages: Any = None, **kwargs: Any) -> str:
        return ANSWER

    return guard(answer, **given)


def ask_in_vain(guard: Any, secrets: Secrets) -> Any:
    """Has a Guard ask an LLM that hangs up."""

    def hang_up(*args: Any, messages: Any = None, **kwargs: Any) -> str:
        raise ConnectionError("the LLM hung up")

    async def hang_up_later(*args: Any, messages: Any = None, **kwargs: Any) -> str:
        raise ConnectionError("the LLM hung up")

    given = {"messages": MESSAGES, "metadata": metadata(secrets), **kwargs(secrets)}
    is_guard = type(guard).__name__ == "Guard"
    return guard(hang_up if is_guard else hang_up_later, **given)


def parse(guard: Any, secrets: Secrets) -> Any:
    """Has a Guard look at an answer."""
    return guard.parse(ANSWER, metadata=metadata(secrets), **kwargs(secrets))


def validate(guard: Any, secrets: Secrets) -> Any:
    """Has a Guard validate a text."""
    return guard.validate(ANSWER, metadata=metadata(secrets))


def read(guard: Any, secrets: Secrets) -> Any:
    """Reads a stream to its end."""
    given = {"metadata": metadata(secrets), **kwargs(secrets)}
    if type(guard).__name__ == "Guard":
        return list(stream(guard, **given))

    async def read_on() -> list[Any]:
        return [chunk async for chunk in await async_stream(guard, **given)]

    return read_on()


RUNS = {run.__name__: run for run in (ask, ask_in_vain, parse, validate, read)}


def run(kind: str, how: str, secrets: Secrets) -> None:
    """Calls a Guard with secrets in all places."""
    guard = make_guard(kind, [check(secrets)])  # type: ignore[list-item]
    try:
        if kind == "Guard":
            run_guard("idle", lambda: RUNS[how](guard, secrets))
        else:
            run_async_guard("running", lambda: RUNS[how](guard, secrets))
    except Exception as error:
        # guardrails makes an exception of its own of it
        if "the LLM hung up" not in str(error):
            raise


@repaired_by(Patch.SECRETS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("how", RUNS)
@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
def test_secrets_are_in_no_span(kind: str, how: str, backend: str) -> None:
    secrets = Secrets()
    with recorded_by(backend) as recorded:
        run(kind, how, secrets)
        assert len(recorded.spans()) > 2
        assert secrets.seen_in(recorded.text()) == []


@repaired_by(Patch.SECRETS)
@pytest.mark.parametrize("backend", ["mlflow", "mlflow-shared"])
@pytest.mark.parametrize("method", ["validate", "async_validate"])
def test_secrets_of_a_validator_by_itself_are_in_no_span(
    method: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = Secrets()
    with recorded_by(backend) as recorded:
        from guardrails.integrations.databricks import MlFlowInstrumentor

        alone = check(secrets)
        monkeypatch.setattr("guardrails.hub.TakesSecrets", type(alone), raising=False)
        monkeypatch.setattr(type(alone), "validate", type(alone).validate)
        monkeypatch.setattr(type(alone), "async_validate", type(alone).async_validate)
        assert recorded.experiment is not None
        MlFlowInstrumentor(recorded.experiment).instrument()
        if method == "validate":
            alone.validate(ANSWER, metadata(secrets))
        else:
            asyncio.run(alone.async_validate(ANSWER, metadata(secrets)))
        assert recorded.spans()
        assert secrets.seen_in(recorded.text()) == []


@repaired_by(Patch.SECRETS)
def test_positional_arguments_are_redacted_by_their_names() -> None:
    secrets = Secrets()

    def answer(api_key: str, *args: Any, messages: Any = None, **kwargs: Any) -> str:
        return ANSWER

    with recorded_by("opentelemetry") as recorded:
        from opentelemetry import trace

        with trace.get_tracer("tests").start_as_current_span("application"):
            ArbitraryCallable(answer, secrets("positional"))(messages=MESSAGES)
        assert ANSWER in recorded.text()
        assert secrets.seen_in(recorded.text()) == []


USEFUL = {
    "max_tokens": 16384,
    "model": "a-model",
    "temperature": 0.5,
    "stop": ["key:", "token"],
    "metadata_about": "the key = nothing",
}


@unchanged_by(Patch.SECRETS)
@pytest.mark.parametrize("backend", ["opentelemetry", "mlflow"])
def test_what_is_no_secret_is_recorded(backend: str) -> None:
    with recorded_by(backend) as recorded:
        guard = make_guard("Guard", [])
        run_guard("idle", lambda: guard(_answer, messages=MESSAGES, **USEFUL))
        text = recorded.text()
    assert "16384" in text
    assert "the key = nothing" in text
    assert MESSAGES[0]["content"] in text
    assert ANSWER in text


def _answer(*args: Any, messages: Any = None, **kwargs: Any) -> str:
    return ANSWER


@unchanged_by(Patch.SECRETS)
@pytest.mark.parametrize("backend", ["opentelemetry", "mlflow"])
def test_what_is_given_is_left_as_it_is(backend: str) -> None:
    secrets, seen = Secrets(), list[Any]()

    def answer(*args: Any, messages: Any = None, **kwargs: Any) -> str:
        seen.append(kwargs)
        return ANSWER

    given, about = kwargs(secrets), metadata(secrets)
    before = deepcopy((given, about))
    with recorded_by(backend):
        guard = make_guard("Guard", [])
        run_guard("idle", lambda: guard(answer, messages=MESSAGES, metadata=about, **given))
    assert (given, about) == before
    assert {name: seen[0][name] for name in given} == before[0]
