"""Object schemas of any shape: every field's validators are traced and see their caller."""

import json
from collections.abc import Iterator
from typing import Any

from guardrails import AsyncGuard, Guard
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, create_model

from .backends import BACKENDS
from .loops import run_async_guard, run_guard
from .oracle import judge_tree, return_faults
from .patches import Patch, repaired_by
from .spans import Node, node
from .stage import NAME, ROOT, VALUE, Stage, own_span
from .validators import ROLES, span_of, validator

FIELDS = ("title", "author", "summary")

CHECK = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["validate", "async_validate"]),
        "on_fail": st.sampled_from(["noop", "fix", "custom"]),
        "fails": st.booleans(),
    }
)
# A field's validators have a class each: the first `len` roles.
SHAPES = st.dictionaries(
    st.sampled_from(FIELDS), st.lists(CHECK, min_size=1, max_size=len(ROLES)), min_size=1
)
MODES = st.sampled_from([("Guard", "idle"), ("Guard", "run-sync"), ("AsyncGuard", "running")])


@repaired_by(Patch.GUARD)
@given(shape=SHAPES, mode=MODES)
@settings(max_examples=30)
def test_validators_of_an_object_schema(shape: dict[str, Any], mode: tuple[str, str]) -> None:
    with BACKENDS["opentelemetry"]() as tracing:
        stage = Stage(tracing)
        _validate(shape, stage, *mode)
        judge_tree(_tree(shape), tracing.finished())
        assert {(sight.variable, sight.guard) for _, sight in stage.sights} == {(VALUE, NAME)}
        assert return_faults(stage) == []


def _validate(shape: dict[str, Any], stage: Stage, kind: str, loop: str) -> None:
    cls = {"Guard": Guard, "AsyncGuard": AsyncGuard}[kind]
    guard = cls.for_pydantic(_model(shape, stage), name=NAME)

    def call() -> None:
        with stage.caller():
            guard.validate(_answer(shape))

    async def async_call() -> None:
        with stage.caller():
            await guard.validate(_answer(shape))

    if kind == "Guard":
        run_guard(loop, call)
    else:
        run_async_guard(loop, async_call)


def _model(shape: dict[str, Any], stage: Stage) -> Any:
    fields: dict[str, Any] = {
        name: (str, Field(json_schema_extra={"validators": list(_validators(checks, stage))}))
        for name, checks in shape.items()
    }
    return create_model("Answer", **fields)


def _validators(checks: list[dict[str, Any]], stage: Stage) -> Iterator[Any]:
    for role, check in zip(ROLES, checks):
        on_fail = stage.on_fail if check["on_fail"] == "custom" else check["on_fail"]
        yield validator(check["kind"], role, on_fail).part(stage.act, role, check["fails"])


def _answer(shape: dict[str, Any]) -> str:
    return json.dumps(dict.fromkeys(shape, "text"))


def _tree(shape: dict[str, Any]) -> Node:
    below = [node("call")]
    for checks in shape.values():
        for role, check in zip(ROLES, checks):
            below.append(node(span_of(role), node(own_span(role))))
            if check["fails"] and check["on_fail"] == "custom":
                below.append(node(own_span("on_fail")))
    return node(ROOT, node("guard", node("step", *below)))
