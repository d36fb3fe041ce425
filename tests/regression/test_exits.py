"""An application outlives a validator that would end the process, and calls its Guard anew."""

import importlib.util
from typing import Any

import pytest

from .loops import run_guard
from .own_validators import Own
from .patches import Patch, repaired_by, unchanged_by
from .playing import make_guard


def outcomes(loop: str) -> list[str]:
    """What becomes of calls, of which the first exits in its validator."""

    def leave(text: str) -> None:
        if text == "leave":
            raise SystemExit(3)

    guard = make_guard("Guard", [Own(on_fail="noop").noting(leave) for _ in range(2)])

    def calls() -> list[str]:
        return [outcome(guard, text) for text in ("leave", "stay", "stay")]

    found: list[str] = run_guard(loop, calls)
    return found


def outcome(guard: Any, text: str) -> str:
    """What a call returns, or which error it raises."""
    try:
        return str(guard.validate(text).validated_output)
    except SystemExit as error:
        return repr(error)


EXPECTED = ["SystemExit(3)", "stay", "stay"]


@unchanged_by(Patch.LOOPS)
@pytest.mark.skipif(
    importlib.util.find_spec("uvloop") is None, reason="uvloop has no wheel for this Python"
)
def test_an_exit_is_raised_once_with_uvloop() -> None:
    assert outcomes("uvloop") == EXPECTED


@repaired_by(Patch.LOOPS)
def test_an_exit_is_raised_once_on_a_loop_of_asyncios() -> None:
    assert outcomes("idle") == EXPECTED
