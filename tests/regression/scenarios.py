"""The ways to call a Guard: every combination that exists, and the patch that repairs it."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import product

import pytest

from .patches import Patch, repaired_by

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


def every() -> Iterator[Scenario]:
    """Every scenario, guard by guard."""
    for guard, loops in LOOPS.items():
        for tracing, loop, validator, method in product(TRACING, loops, VALIDATORS, METHODS):
            yield Scenario(guard, method, loop, validator, tracing)


def parameters() -> list[object]:
    """Every scenario as a pytest parameter with its mark.

    Without that patch a Guard loses the caller's variables, and an AsyncGuard its own name.
    """
    return [pytest.param(s, id=str(s), marks=repaired_by(Patch.GUARD)) for s in every()]
