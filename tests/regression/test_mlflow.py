"""MLflow records exactly one span for each validation."""

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext
from contextvars import copy_context
from itertools import product
from typing import Any, Optional

import pytest

from .backends import BACKENDS, Tracing
from .oracle import judge, judge_tree
from .patches import Patch, repaired_by
from .playing import expected, play, surroundings
from .release import TRACES_ASYNC_VALIDATE
from .scenarios import Scenario
from .spans import node
from .stage import ROOT, Stage, own_span
from .validators import KINDS, span_of, validator
from .waiting import PATIENCE

DELEGATING = ("delegates-to-validate", "delegates-to-super")


def repair_of(kind: str, method: str, parent: bool) -> Optional[Patch]:
    """The patch that repairs a validator run by itself; none where it was right all along."""
    if TRACES_ASYNC_VALIDATE:
        return _repair_since_0_6_1(kind, method, parent)
    return _repair_in_0_6_0(kind, method, parent)


def _repair_since_0_6_1(kind: str, method: str, parent: bool) -> Optional[Patch]:
    """Both methods are wrapped, and `validate` is skipped where no parent can be seen."""
    if method == "validate":
        return None if parent else Patch.MLFLOW
    return None if kind == "async_validate" else Patch.MLFLOW


def _repair_in_0_6_0(kind: str, method: str, parent: bool) -> Optional[Patch]:
    """Only `validate` is wrapped, so it is the thread that loses the parent."""
    if method == "validate" or kind == "delegates-to-validate":
        return None
    if kind == "async_validate":
        return Patch.MLFLOW
    return Patch.VALIDATORS if parent else None


def alone() -> Iterator[Any]:
    """Every validator, each of its methods, with a parent and without."""
    for kind, method, parent in product(KINDS, ("validate", "async_validate"), (True, False)):
        patch = repair_of(kind, method, parent)
        name = f"{kind}-{method}-{'below a span' if parent else 'as a root'}"
        if patch is not None:
            yield pytest.param(kind, method, parent, id=name, marks=repaired_by(patch))


@pytest.mark.parametrize(("kind", "method", "parent"), alone())
def test_a_validator_by_itself_has_one_span(kind: str, method: str, parent: bool) -> None:
    with BACKENDS["mlflow"]() as tracing:
        check = validator(kind, "first").part(Stage(tracing).act, "first")
        with tracing.span(ROOT) if parent else nullcontext():
            _validate(check, method)
        validation = node(span_of("first"), node(own_span("first")))
        judge_tree(node(ROOT, validation) if parent else validation, tracing.finished())


def _validate(check: Any, method: str) -> None:
    if method == "validate":
        # Called directly it runs in our own context, which is to stay as it is.
        copy_context().run(check.validate, "an answer", {})
    else:
        asyncio.run(asyncio.wait_for(check.async_validate("an answer", {}), PATIENCE))


@repaired_by(Patch.GUARD)
@pytest.mark.parametrize("kind", DELEGATING)
@pytest.mark.parametrize(("guard", "loop"), [("Guard", "idle"), ("AsyncGuard", "running")])
def test_a_validator_that_delegates_has_one_span(guard: str, loop: str, kind: str) -> None:
    with BACKENDS["mlflow"]() as tracing:
        _hold(Scenario(guard, "__call__", loop, kind, "mlflow"), tracing)


def _hold(scenario: Scenario, tracing: Tracing) -> None:
    stage = Stage(tracing)
    play(scenario, stage)
    judge(stage, expected(scenario, stage), surroundings(scenario, stage))
