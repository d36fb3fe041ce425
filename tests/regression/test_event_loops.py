"""A loop that a call makes the call closes; a loop or policy of the user's is left alone."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .looped import CASES, NOTHING, left_by
from .patches import Patch, broad, repaired_by
from .release import MAKES_LOOPS

pytestmark = [repaired_by(Patch.LOOPS), broad]


def cases() -> Iterator[Any]:
    """With uvloop all of them, since each call replaced the policy.

    Without it only where `get_loop` makes loops and leaves them: before, there was nothing
    that a call made, and nothing to repair.
    """
    for name in CASES:
        yield pytest.param(name, True, id=f"uvloop-{name}")
    if MAKES_LOOPS:
        for name in ("in threads", "between runs"):
            yield pytest.param(name, False, id=f"asyncio-{name}")


@pytest.mark.parametrize(("case", "uvloop"), cases())
def test_calls_leave_files_threads_loop_and_policy_as_they_were(
    case: str, uvloop: bool, tmp_path: Path
) -> None:
    if uvloop and importlib.util.find_spec("uvloop") is None:
        pytest.skip("uvloop has no wheel for this Python")
    assert left_by(case, uvloop, tmp_path) == NOTHING
