"""One of several validators fails: the others end, and their spans, before the failure goes on."""

import asyncio
from typing import Any

import pytest
from guardrails.validator_base import PassResult, ValidationResult, register_validator

from .backends import BACKENDS, Tracing
from .loops import run_async_guard, run_guard
from .oracle import judge_tree
from .patches import Patch, repaired_by
from .playing import make_guard
from .spans import Node, node
from .stage import ROOT
from .validators import Acted
from .waiting import PATIENCE


class Failure(Exception):
    """What a validator ends in, rather than in a result."""


@register_validator("regression/raises", data_type="all")
class Raises(Acted):
    """Fails at once."""

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        """Raises."""
        raise Failure(self.role)


@register_validator("regression/takes-its-time", data_type="all")
class TakesItsTime(Acted):
    """Is still at it when its sibling fails."""

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        """Passes after the event loop has turned some times."""
        with self.act(self.role):
            for _ in range(10):
                await asyncio.sleep(0)
        return PassResult()


def _siblings(tracing: Tracing) -> list[Acted]:
    return [TakesItsTime().part(tracing.span, "slow"), Raises().part(tracing.span, "failing")]


def _tree(tracing: Tracing) -> Node:
    step = node(
        tracing.step,
        node(tracing.call),
        node("regression/takes-its-time.validate", node("slow")),
        node("regression/raises.validate"),
    )
    return node(ROOT, node(tracing.guard, step))


@repaired_by(Patch.SIBLINGS)
def test_guard_ends_after_its_validators() -> None:
    with BACKENDS["opentelemetry"]() as tracing:

        def call() -> None:
            guard = make_guard("Guard", _siblings(tracing))
            with tracing.span(ROOT), pytest.raises(Failure):
                guard.validate("an answer")

        run_guard("idle", call)
        judge_tree(_tree(tracing), tracing.finished())


@repaired_by(Patch.SIBLINGS)
def test_async_guard_ends_after_its_validators() -> None:
    with BACKENDS["opentelemetry"]() as tracing:

        async def call() -> None:
            guard = make_guard("AsyncGuard", _siblings(tracing))
            with tracing.span(ROOT), pytest.raises(Failure):
                await asyncio.wait_for(guard.validate("an answer"), PATIENCE)

        run_async_guard("running", call)
        judge_tree(_tree(tracing), tracing.finished())
