"""The ways to call a Guard: every combination that exists, and the patch that repairs it."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import product

import pytest

from .patches import Patch, repaired_by
from .release import MAKES_LOOPS, TRACES_ASYNC_VALIDATE

METHODS = ("__call__", "parse", "validate")
VALIDATORS = ("validate", "async_validate")
TRACING = ("opentelemetry", "mlflow", "mlflow-shared")

# An AsyncGuard always runs on a running loop: there is no "absent" and no "idle" for it.
LOOPS = {
    "Guard": ("absent", "idle", "running", "thread", "run-sync", "uvloop"),
    "AsyncGuard": ("running", "thread", "run-sync", "uvloop"),
}


@dataclass(frozen=True)
class Scenario:
    """One way to call a Guard.

    Attributes:
        guard: Guard or AsyncGuard.
        method: The method that is called.
        loop: Where there is an event loop when it is called.
        validator: The method that the validator's author wrote.
        tracing: Who records spans.
    """

    guard: str
    method: str
    loop: str
    validator: str
    tracing: str

    def __str__(self) -> str:
        return "-".join(astuple(self))

    @property
    def parallel(self) -> bool:
        """Whether validators run on an event loop, rather than one after another without one."""
        if self.guard == "AsyncGuard":
            return True
        return self.loop in ("absent", "idle") or (
            self.loop in ("thread", "uvloop") and MAKES_LOOPS
        )

    @property
    def repaired_by(self) -> Patch:
        """The patch that makes the whole invariant hold.

        A Guard without the third loses the caller's variables, an AsyncGuard its own name.
        MLflow needs the fourth on a loop: `async_validate` calls `validate`, and where both
        are wrapped each validation has two spans; where only `validate` is, one's own
        `async_validate` has none.
        """
        if self.tracing == "opentelemetry" or not self.parallel:
            return Patch.GUARD
        doubled = TRACES_ASYNC_VALIDATE and self.validator == "validate"
        missing = not TRACES_ASYNC_VALIDATE and self.validator == "async_validate"
        return Patch.MLFLOW if doubled or missing else Patch.GUARD


def every() -> Iterator[Scenario]:
    """Every scenario, guard by guard."""
    for guard, loops in LOOPS.items():
        for tracing, loop, validator, method in product(TRACING, loops, VALIDATORS, METHODS):
            yield Scenario(guard, method, loop, validator, tracing)


def parameters() -> list[object]:
    """Every scenario as a pytest parameter with its mark."""
    return [pytest.param(s, id=str(s), marks=repaired_by(s.repaired_by)) for s in every()]
