"""MlFlowInstrumentor can be asked twice, can be undone, and traces every validator."""

from functools import wraps
from itertools import product
from typing import Any, Callable

import pytest
from guardrails import Guard
from guardrails.integrations.databricks import MlFlowInstrumentor

from .chunked import async_read, read
from .instrumentation import INSTRUMENTED
from .loops import run_async_guard, run_guard
from .oracle import judge, judge_tree
from .own_validators import NAME, Noting, Own, OwnStream
from .patches import Patch, repaired_by
from .playing import expected, make_guard, play, surroundings
from .recording import Recording, recording
from .scenarios import Scenario
from .spans import Node, node
from .stage import Stage
from .validators import HUB, KINDS

pytestmark = repaired_by(Patch.INSTRUMENTOR)

PLACES = (("Guard", "idle"), ("Guard", "run-sync"), ("AsyncGuard", "running"))
CALLS = [Scenario(guard, "__call__", loop, "validate", "mlflow") for guard, loop in PLACES]

# The tests' validators, as a user's own: guardrails.hub does not export them.
OWN = [
    Scenario(guard, "__call__", loop, kind, "mlflow")
    for (guard, loop), kind in product((*PLACES, ("Guard", "running"), ("Guard", "thread")), KINDS)
]


def judged(scenario: Scenario, recorded: Recording) -> None:
    """Plays a scenario, and holds MLflow's trace of it against the invariant."""
    stage = Stage(recorded.mlflow)
    play(scenario, stage)
    judge(stage, expected(scenario, stage), surroundings(scenario, stage))


def own_functions() -> dict[type, dict[str, Any]]:
    """What the classes that are instrumented define themselves."""
    return {
        cls: {name: value for name, value in vars(cls).items() if callable(value)}
        for cls in INSTRUMENTED
    }


@pytest.mark.parametrize("scenario", CALLS, ids=str)
def test_to_instrument_again_doubles_no_span(scenario: Scenario) -> None:
    with recording(*HUB) as recorded:
        for _ in range(3):
            recorded.instrumentor.instrument()
        judged(scenario, recorded)


def test_a_second_instrumentor_doubles_no_span() -> None:
    with recording(*HUB) as recorded:
        MlFlowInstrumentor("another-experiment").instrument()
        recorded.instrumentor.instrument()
        judged(CALLS[0], recorded)


def test_to_uninstrument_leaves_nothing_wrapped() -> None:
    with recording(*HUB) as recorded:
        before = own_functions()
        for _ in range(2):
            recorded.instrumentor.instrument()
        for _ in range(2):
            recorded.instrumentor.uninstrument()
        assert own_functions() == before


@pytest.mark.parametrize("scenario", CALLS, ids=str)
def test_to_uninstrument_brings_back_guardrails_own_spans(scenario: Scenario) -> None:
    with recording(*HUB) as recorded:
        recorded.instrumentor.instrument()
        recorded.instrumentor.uninstrument()
        stage = Stage(recorded.application)
        play(scenario, stage)
        judge(stage, expected(scenario, stage), surroundings(scenario, stage))
        assert recorded.names() == []


@pytest.mark.parametrize("scenario", CALLS, ids=str)
def test_to_instrument_after_that_traces_again(scenario: Scenario) -> None:
    with recording(*HUB) as recorded:
        recorded.instrumentor.instrument()
        recorded.instrumentor.uninstrument()
        recorded.instrumentor.instrument()
        judged(scenario, recorded)


def test_to_uninstrument_leaves_what_somebody_else_wrapped() -> None:
    with recording() as recorded:
        recorded.instrumentor.instrument()
        calls = _wrap_guards()
        recorded.instrumentor.uninstrument()
        make_guard("Guard", []).validate("an answer")
        assert calls == ["a call"]


def _wrap_guards() -> list[str]:
    """Another library wraps what is wrapped already, as instrumentations do."""
    wrapped, calls = Guard._execute, list[str]()

    @wraps(wrapped)
    def execute(*args: Any, **kwargs: Any) -> Any:
        calls.append("a call")
        return wrapped(*args, **kwargs)

    setattr(Guard, "_execute", execute)  # noqa: B010 - mypy refuses the plain form
    return calls


@pytest.mark.parametrize("scenario", OWN, ids=str)
def test_a_users_own_validator_has_one_span(scenario: Scenario) -> None:
    with recording() as recorded:
        recorded.instrumentor.instrument()
        judged(scenario, recorded)


@pytest.mark.parametrize("cls", [Own, OwnStream])
@pytest.mark.parametrize("exported", [True, False], ids=["from the hub", "a user's own"])
@pytest.mark.parametrize("guard", ["Guard", "AsyncGuard"])
def test_an_own_validate_stream_has_a_span_a_chunk(
    guard: str, exported: bool, cls: type[Noting]
) -> None:
    with recording(*([cls] if exported else [])) as recorded:
        recorded.instrumentor.instrument()
        check = cls(on_fail="noop").noting()
        with recorded.mlflow.span("application"):
            _read(guard, check)
        assert check.chunks > 1
        judge_tree(_streamed(recorded, cls, check.chunks), recorded.mlflow.finished())


def _read(guard: str, check: Any) -> Any:
    if guard == "Guard":
        return run_guard("idle", lambda: read(check))
    return run_async_guard("running", lambda: async_read(check))


def _streamed(recorded: Recording, cls: type[Noting], chunks: int) -> Node:
    names = recorded.mlflow
    validations = [node(f"{cls.rail_alias}.validate")] * chunks
    return node("application", node(names.guard, node(names.step, node(names.call), *validations)))


def _validate(guard: str, check: Any) -> Any:
    made = make_guard(guard, [check])
    if guard == "Guard":
        run_guard("idle", lambda: made.validate("an answer"))
    else:
        run_async_guard("running", lambda: made.validate("an answer"))
    return made


@pytest.mark.parametrize("run", [_validate, _read], ids=["call", "stream"])
@pytest.mark.parametrize("exported", [True, False], ids=["from the hub", "a user's own"])
@pytest.mark.parametrize("guard", ["Guard", "AsyncGuard"])
def test_a_validation_is_recorded_with_its_iterations_id(
    guard: str, exported: bool, run: Callable[[str, Any], Any]
) -> None:
    with recording(*([Own] if exported else [])) as recorded:
        recorded.instrumentor.instrument()
        history = run(guard, Own(on_fail="noop").noting()).history
        seen = {a["validation_session_id"] for a in recorded.attributes(f"{NAME}.validate")}
        assert seen == {history.last.iterations.last.id}
