"""What guardrails records is written on its own spans, and holds what it says it holds."""

import json
from contextvars import copy_context
from itertools import product
from typing import Any

import pytest
from guardrails.settings import settings

from .chunked import async_read, read
from .loops import run_async_guard, run_guard
from .own_validators import KeepsASecret, NoConnection, Own
from .patches import Patch, repaired_by
from .playing import make_guard, play
from .recording import Recording, recording
from .release import TRACES_ASYNC_VALIDATE
from .scenarios import METHODS, Scenario
from .stage import SECRET, Stage
from .validators import HUB

PLACES = (("Guard", "idle"), ("Guard", "run-sync"), ("AsyncGuard", "running"))
CALLS = [
    Scenario(guard, method, loop, "validate", "mlflow")
    for (guard, loop), method in product(PLACES, METHODS)
]
ASKING_AN_LLM = [
    Scenario(guard, "__call__", loop, "validate", "opentelemetry") for guard, loop in PLACES
]
GUARDS = ("Guard", "AsyncGuard")

VALUE, METADATA = "the value", {"topic": "the metadata"}
OWN = "tests/own.validate"
KEEPER = "tests/keeps-a-secret.validate"


def written(recorded: Recording) -> dict[str, Any]:
    """What there is on the application's spans besides what the application wrote: nothing."""
    spans = recorded.application.exported()
    assert spans
    return {s.name: (dict(s.attributes), s.events) for s in spans if s.attributes or s.events}


def stream(guard: str, check: Any) -> None:
    """Reads a stream to its end."""
    if guard == "Guard":
        run_guard("idle", lambda: read(check))
    else:
        run_async_guard("running", lambda: async_read(check))


def validate(guard: str, check: Any) -> None:
    """Validates a value with metadata."""
    made = make_guard(guard, [check])
    if guard == "Guard":
        run_guard("idle", lambda: made.validate(VALUE, metadata=METADATA))
    else:
        run_async_guard("running", lambda: made.validate(VALUE, metadata=METADATA))


def alone(method: str, check: Any) -> None:
    """Validates the same without a Guard."""
    if method == "validate":
        # Called directly it runs in our own context, which is to stay as it is.
        copy_context().run(check.validate, VALUE, METADATA)
    else:
        run_async_guard("running", lambda: check.async_validate(VALUE, METADATA))


@repaired_by(Patch.ATTRIBUTES)
@pytest.mark.parametrize("scenario", CALLS, ids=str)
def test_a_call_writes_nothing_on_the_applications_spans(scenario: Scenario) -> None:
    with recording(*HUB) as recorded:
        recorded.instrumentor.instrument()
        play(scenario, Stage(recorded.application))
        assert written(recorded) == {}


@repaired_by(Patch.ATTRIBUTES)
@pytest.mark.parametrize("guard", GUARDS)
def test_a_stream_writes_nothing_on_the_applications_span(guard: str) -> None:
    with recording(Own) as recorded:
        recorded.instrumentor.instrument()
        with recorded.calling():
            stream(guard, Own(on_fail="noop").noting())
        assert written(recorded) == {}


# The method that has a span in the published release, where a validator runs by itself; the other
# one writes nothing there either.
TRACED_BY_ITSELF = "async_validate" if TRACES_ASYNC_VALIDATE else "validate"


@repaired_by(Patch.ATTRIBUTES)
@pytest.mark.parametrize("method", [TRACED_BY_ITSELF])
def test_a_validator_by_itself_writes_nothing_on_the_applications_span(method: str) -> None:
    with recording(Own) as recorded:
        recorded.instrumentor.instrument()
        with recorded.calling():
            alone(method, Own(on_fail="noop").noting())
        assert written(recorded) == {}


@repaired_by(Patch.ATTRIBUTES)
@pytest.mark.parametrize("scenario", ASKING_AN_LLM, ids=str)
def test_where_tracing_is_switched_off_nothing_is_written(scenario: Scenario) -> None:
    with recording() as recorded:
        settings.disable_tracing = True
        play(scenario, Stage(recorded.application))
        assert written(recorded) == {}


@repaired_by(Patch.ATTRIBUTES)
@pytest.mark.parametrize("scenario", [CALLS[0], CALLS[-1]], ids=str)
def test_guardrails_own_spans_alone_have_input_and_output(scenario: Scenario) -> None:
    with recording(*HUB) as recorded:
        recorded.instrumentor.instrument()
        play(scenario, Stage(recorded.application))
        recorded.instrumentor.uninstrument()
        play(scenario, Stage(recorded.application))
        has_both = {
            name
            for name, (attributes, _) in written(recorded).items()
            if {"input.value", "output.value"} <= attributes.keys()
        }
        ours = {"guard", "step", "call", "tests/first.validate", "tests/second.validate"}
        assert has_both == written(recorded).keys() == ours


@repaired_by(Patch.ATTRIBUTES)
@pytest.mark.parametrize("guard", GUARDS)
def test_under_a_guard_the_validations_own_span_has_input_and_output(guard: str) -> None:
    with recording() as recorded:
        recorded.instrumentor.instrument()
        validate(guard, Own(on_fail="noop").noting())
        (attributes,) = recorded.attributes(OWN)
        value = _json(attributes["input.value"])
        assert (value["value"], _json(value["metadata"])) == (VALUE, METADATA)
        assert _json(attributes["output.value"])["outcome"] == "pass"


@repaired_by(Patch.INSTRUMENTOR)
@pytest.mark.parametrize("exported", [True, False], ids=["from the hub", "a user's own"])
@pytest.mark.parametrize("guard", GUARDS)
def test_under_a_guard_value_and_metadata_are_recorded_as_such(guard: str, exported: bool) -> None:
    with recording(*([Own] if exported else [])) as recorded:
        recorded.instrumentor.instrument()
        validate(guard, Own(on_fail="noop").noting())
        assert _recorded_input(recorded) == (VALUE, VALUE, METADATA)


@repaired_by(Patch.ATTRIBUTES)
@pytest.mark.parametrize("method", ["validate", "async_validate"])
def test_by_itself_value_and_metadata_are_recorded_as_such(method: str) -> None:
    with recording(Own) as recorded:
        recorded.instrumentor.instrument()
        alone(method, Own(on_fail="noop").noting())
        assert _recorded_input(recorded) == (VALUE, VALUE, METADATA)


@repaired_by(Patch.ATTRIBUTES)
def test_by_itself_value_and_metadata_may_be_given_by_name() -> None:
    with recording(Own) as recorded:
        recorded.instrumentor.instrument()
        check = Own(on_fail="noop").noting()
        copy_context().run(check.validate, value=VALUE, metadata=METADATA)
        assert _recorded_input(recorded) == (VALUE, VALUE, METADATA)


def _recorded_input(recorded: Recording) -> tuple[Any, Any, Any]:
    (attributes,) = recorded.attributes(OWN)
    under = "validator.validate.input"
    return (
        attributes["input"],
        attributes[f"{under}.value"],
        _json(attributes[f"{under}.metadata"]),
    )


def _json(value: Any) -> Any:
    """An attribute, which some releases of MLflow hand back parsed."""
    return json.loads(value) if isinstance(value, str) else value


@repaired_by(Patch.INSTRUMENTOR)
@pytest.mark.parametrize("run", [validate, stream], ids=["call", "stream"])
@pytest.mark.parametrize("guard", GUARDS)
def test_under_a_guard_a_validators_secret_is_in_no_span(guard: str, run: Any) -> None:
    with recording(KeepsASecret) as recorded:
        recorded.instrumentor.instrument()
        with recorded.beside():
            run(guard, KeepsASecret(on_fail="noop").with_secret(SECRET).noting())
        assert KEEPER in recorded.names()
        assert SECRET not in recorded.text()


@repaired_by(Patch.ATTRIBUTES)
@pytest.mark.parametrize("method", ["validate", "async_validate"])
def test_by_itself_a_validators_secret_is_in_no_span(method: str) -> None:
    with recording(KeepsASecret) as recorded:
        recorded.instrumentor.instrument()
        with recorded.beside():
            alone(method, KeepsASecret(on_fail="noop").with_secret(SECRET).noting())
        assert KEEPER in recorded.names()
        assert SECRET not in recorded.text()


@repaired_by(Patch.ATTRIBUTES)
@pytest.mark.parametrize("method", ["validate", "async_validate"])
def test_by_itself_a_validator_that_raises_shows_no_secret(method: str) -> None:
    with recording(NoConnection) as recorded:
        recorded.instrumentor.instrument()
        check = NoConnection(on_fail="noop").with_secret(SECRET).noting()
        with recorded.beside(), pytest.raises(ConnectionError):
            alone(method, check)
        assert KEEPER in recorded.names()
        assert SECRET not in recorded.text()
