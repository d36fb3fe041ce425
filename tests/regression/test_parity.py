"""Mode parity: whatever is called, every mode gives the tree that a plain call gives.

With REGRESSION_SHRINK set, a counter-example is made as small as it can be.
"""

import os
import random

import pytest
from hypothesis import Phase, example, given, settings

from .backends import BACKENDS
from .patches import Patch, broad, repaired_by
from .plays import WHOLE, Check, Play, plays
from .release import SHARES_PROVIDER
from .troupe import judge, perform

pytestmark = broad

MODES = [
    ("Guard", "absent"),
    ("Guard", "idle"),
    ("Guard", "running"),
    ("Guard", "thread"),
    ("Guard", "run-sync"),
    ("AsyncGuard", "running"),
    ("AsyncGuard", "thread"),
]
SHRINK = [Phase.shrink] if "REGRESSION_SHRINK" in os.environ else []
PHASES = (Phase.explicit, Phase.generate, *SHRINK)

# A stream that is broken off: no tree is right without the patches for streams.
STREAM = Play(
    checks=(Check("first", WHOLE, "chunks", "custom", strict=True),),
    wrong=frozenset(["0"]),
    stream=True,
    breaks_off=1,
)
# One that is mended when it is asked again, with others at the same time.
MENDED = Play(
    checks=(
        Check("first", "author.address.city", "async_validate", "custom", strict=True),
        Check("second", "author.name", "validate", "noop", strict=False),
        Check("third", "author.name", "delegates-to-validate", "fix", strict=True),
        Check("fourth", "title", "validate", "reask", strict=True),
    ),
    wrong=frozenset(["author.address.city", "title"]),
    siblings=2,
)


def play_in(mode: tuple[str, str], backend: str, play: Play) -> None:
    """Plays on a backend of its own, and judges."""
    guard, loop = mode
    # Hypothesis sets the seed, and two traces of the same number are one in MLflow's store.
    random.seed()
    with BACKENDS[backend]() as tracing:
        judge(play, guard, tracing, perform(play, guard, loop, tracing))


@repaired_by(Patch.STREAMS)
@pytest.mark.parametrize("mode", MODES, ids="-".join)
@example(play=STREAM)
@example(play=MENDED)
@given(play=plays())
@settings(max_examples=40, phases=PHASES)
def test_every_mode_gives_the_tree_of_a_plain_call(mode: tuple[str, str], play: Play) -> None:
    play_in(mode, "opentelemetry", play)


@repaired_by(Patch.MLFLOW_STREAMS)
@pytest.mark.parametrize("backend", ["mlflow", "mlflow-shared"])
@pytest.mark.parametrize("mode", [MODES[0], MODES[4], MODES[5]], ids="-".join)
@example(play=STREAM)
@example(play=MENDED)
@given(play=plays())
@settings(max_examples=4, phases=PHASES)
def test_every_backend_gives_the_same_tree(mode: tuple[str, str], backend: str, play: Play) -> None:
    if backend == "mlflow-shared" and not SHARES_PROVIDER:
        pytest.skip("this MLflow has no provider that OpenTelemetry shares")
    play_in(mode, backend, play)
