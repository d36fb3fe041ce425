"""A stream stays in the context of its Guard's call, and its consumer in its own."""

import pytest

from .backends import BACKENDS
from .release import SHARES_PROVIDER
from .stage import Stage
from .streaming import perform
from .streams import Reading, judge, parameters


@pytest.mark.parametrize("reading", parameters())
def test_a_stream_keeps_its_callers_context_and_its_consumers(reading: Reading) -> None:
    if reading.tracing == "mlflow-shared" and not SHARES_PROVIDER:
        pytest.skip("this MLflow has no provider that OpenTelemetry shares")
    with BACKENDS[reading.tracing]() as tracing:
        stage = Stage(tracing)
        others = perform(reading, stage)
        judge(reading, stage, others)
