"""Every way to call a Guard keeps the caller's context: the invariant as a whole."""

import pytest

from .backends import BACKENDS
from .oracle import judge
from .playing import expected, play, surroundings
from .release import SHARES_PROVIDER
from .scenarios import Scenario, parameters
from .stage import Stage


@pytest.mark.parametrize("scenario", parameters())
def test_a_call_keeps_its_callers_context(scenario: Scenario) -> None:
    if scenario.tracing == "mlflow-shared" and not SHARES_PROVIDER:
        pytest.skip("this MLflow has no provider that OpenTelemetry shares")
    if scenario.loop == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop has no wheel for this Python")
    with BACKENDS[scenario.tracing]() as tracing:
        stage = Stage(tracing)
        play(scenario, stage)
        judge(stage, expected(scenario, stage), surroundings(scenario, stage))
