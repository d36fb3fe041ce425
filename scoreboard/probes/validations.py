"""D11 to D13: exactly one span for each validation, below what called for it."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from contextvars import copy_context
from functools import partial
from typing import Any

from guardrails.validator_base import ValidationResult, register_validator
from regression.backends import BACKENDS, Tracing
from regression.oracle import tree_faults
from regression.scenarios import Scenario
from regression.spans import Span, node
from regression.stage import ROOT, Stage, own_span
from regression.validators import KINDS, Acted, ActedAsync, span_of, validator
from regression.waiting import PATIENCE

from scoreboard.cells import Faults, probes
from scoreboard.situations import GUARDS, LOOPS, Llm, called, guard_of, played, stream_of

PARENTS = ("below a span", "as a root")
# Those whose own async_validate is not its author's alone: it ends in `validate` again.
THREADED = tuple(kind for kind in KINDS if kind != "async_validate")


@register_validator(name="tests/own", data_type="all")
class Own(Acted):
    """A user's own validator, not one of the hub."""


@register_validator(name="tests/own-async", data_type="all")
class OwnAsync(ActedAsync):
    """The same with an `async_validate`."""


@register_validator(name="tests/own-stream", data_type="all")
class OwnStream(Acted):
    """The same with a `validate_stream`."""

    def validate_stream(self, chunk: Any, metadata: Any, **kwargs: Any) -> ValidationResult:
        """Judges each chunk."""
        with self.act(self.role):
            result = self._verdict(chunk)
        result.validated_chunk = chunk
        return result


def _alone(kind: str, method: str, parent: str) -> Faults:
    with BACKENDS["mlflow"]() as tracing:
        check = validator(kind, "first").part(Stage(tracing).act, "first")
        with tracing.span(ROOT) if parent == PARENTS[0] else nullcontext():
            _validate(check, method)
        validation = node(span_of("first"), node(own_span("first")))
        tree = node(ROOT, validation) if parent == PARENTS[0] else validation
        return tree_faults(tree, tracing.finished())


def _validate(check: Any, method: str) -> None:
    if method == "validate":
        copy_context().run(check.validate, "an answer", {})
    else:
        asyncio.run(asyncio.wait_for(check.async_validate("an answer", {}), PATIENCE))


@probes("D11", "a validator by itself, validate, as a root", tuple(KINDS))
def by_itself(kind: str) -> Faults:
    """A validator that is run without a parent has a span all the same."""
    return _alone(kind, "validate", PARENTS[1])


@probes("D11", "a validator by itself, async_validate", PARENTS, THREADED)
def by_itself_async(parent: str, kind: str) -> Faults:
    """It has one span, though `async_validate` ends in `validate`."""
    return _alone(kind, "async_validate", parent)


@probes("D12", "a user's own validator", GUARDS, ("validate", "async_validate"))
def own(kind: str, method: str) -> Faults:
    """Every validator that a Guard runs has a span, wherever it comes from."""
    classes: dict[str, type[Acted]] = {"validate": Own, "async_validate": OwnAsync}
    cls = classes[method]
    with BACKENDS["mlflow"]() as tracing:
        guard = guard_of(kind, cls(on_fail="noop").part(Stage(tracing).act, "own"))
        called(kind, lambda: guard.validate("an answer"), lambda: guard.validate("an answer"))
        return _counted(tracing, cls.rail_alias, 1)


@probes("D12", "a user's own validate_stream", GUARDS)
def own_stream(kind: str) -> Faults:
    """And each chunk that it validates."""
    with BACKENDS["mlflow"]() as tracing:
        stage = Stage(tracing)
        check = OwnStream(on_fail="noop").part(stage.act, "own")
        llm = Llm(stage)
        called(kind, partial(_read, llm, check), partial(_async_read, llm, check))
        return _counted(tracing, OwnStream.rail_alias, len(stage.sights) - llm.asked)


def _read(llm: Llm, check: Acted) -> None:
    list(stream_of("Guard", llm, check))


async def _async_read(llm: Llm, check: Acted) -> None:
    async for _ in await stream_of("AsyncGuard", llm, check):
        pass


def _counted(tracing: Tracing, alias: str, wanted: int) -> Faults:
    count = sum(span.name == f"{alias}.validate" for span in tracing.finished())
    return [] if count == wanted > 0 else [f"{count} spans for {wanted} validations"]


@probes("D13", "a hub validator's span in its guard", GUARDS, ("validate", "async_validate"))
def in_a_guard(kind: str, method: str) -> Faults:
    """It is there, and it is no orphan: the report's own symptom."""
    _, spans = played(Scenario(kind, "__call__", LOOPS[kind], method, "mlflow"))
    return [fault for role in ("first", "second") for fault in _orphaned(spans, span_of(role))]


def _orphaned(spans: list[Span], name: str) -> Faults:
    known = {span.id for span in spans}
    found = [span for span in spans if span.name == name]
    orphans = [f"{name} is an orphan" for span in found if span.parent not in known]
    return orphans if found else [f"{name} is missing"]


@probes("D13", "a validator with its own async_validate by itself", PARENTS)
def own_async(parent: str) -> Faults:
    """It has a span."""
    return _alone("async_validate", "async_validate", parent)
