"""uninstrument() ends MLflow's spans, whoever has wrapped, copied or hidden a method meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import guardrails.hub
import pytest
from guardrails import Guard

from .own_validators import NAME, Own
from .patches import Patch, repaired_by
from .playing import make_guard
from .recording import recording

pytestmark = repaired_by(Patch.INSTRUMENTOR)

GUARDS = ("Guard", "AsyncGuard")


def validate(check: Any = None) -> None:
    """Calls a Guard."""
    make_guard("Guard", [check or Own(on_fail="noop").noting()]).validate("an answer")


@contextmanager
def wrapped(marked: bool) -> Iterator[None]:
    """Another library has wrapped Guard._execute, with functools.wraps or without."""
    inner = Guard._execute

    def execute(*args: Any, **kwargs: Any) -> Any:
        return inner(*args, **kwargs)

    setattr(Guard, "_execute", wraps(inner)(execute) if marked else execute)  # noqa: B010
    try:
        yield
    finally:
        setattr(Guard, "_execute", inner)  # noqa: B010


@pytest.mark.parametrize("marked", [True, False], ids=["functools.wraps", "plain"])
def test_what_somebody_else_wrapped_is_traced_no_more(marked: bool) -> None:
    with recording() as recorded:
        recorded.instrumentor.instrument()
        with wrapped(marked):
            recorded.instrumentor.uninstrument()
            validate()
        assert recorded.names() == []


@pytest.mark.parametrize("marked", [True, False], ids=["functools.wraps", "plain"])
def test_what_somebody_else_wrapped_is_traced_once_when_instrumented_again(marked: bool) -> None:
    with recording() as recorded:
        recorded.instrumentor.instrument()
        with wrapped(marked):
            recorded.instrumentor.uninstrument()
            recorded.instrumentor.instrument()
            validate()
        names = recorded.mlflow
        assert sorted(recorded.names()) == sorted(
            [names.guard, names.step, names.call, f"{NAME}.validate"]
        )


def test_an_export_that_has_gone_is_traced_no_more() -> None:
    with recording(Own) as recorded:
        recorded.instrumentor.instrument()
        del guardrails.hub.Own
        try:
            recorded.instrumentor.uninstrument()
        finally:
            guardrails.hub.Own = Own
        Own(on_fail="noop").noting().validate("an answer", {})
        assert recorded.names() == []
        assert "validate" not in vars(Own)


def test_a_copy_in_a_subclass_is_traced_no_more() -> None:
    with recording(Own) as recorded:
        recorded.instrumentor.instrument()
        copied: Any = type("Copied", (Own,), {"validate": Own.validate})
        recorded.instrumentor.uninstrument()
        copied(on_fail="noop").noting().validate("an answer", {})
        assert recorded.names() == []
