"""MlFlowInstrumentor changes classes for the whole process; these take that back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import guardrails.hub
from guardrails import AsyncGuard, Guard
from guardrails.run import AsyncRunner, AsyncStreamRunner, Runner, StreamRunner
from guardrails.validator_base import Validator
from guardrails.validator_service import AsyncValidatorService, SequentialValidatorService
from guardrails.validator_service.validator_service_base import ValidatorServiceBase

from .validators import HUB

INSTRUMENTED = (
    Guard,
    AsyncGuard,
    Runner,
    StreamRunner,
    AsyncRunner,
    AsyncStreamRunner,
    Validator,
    ValidatorServiceBase,
    AsyncValidatorService,
    SequentialValidatorService,
    *HUB,
)


@contextmanager
def restored() -> Iterator[None]:
    """Puts the functions of guardrails' classes back to what they are now."""
    before = {cls: _functions(cls) for cls in INSTRUMENTED}
    try:
        yield
    finally:
        for cls, functions in before.items():
            _restore(cls, functions)


def _functions(cls: type) -> dict[str, Any]:
    return {name: value for name, value in vars(cls).items() if callable(value)}


def _restore(cls: type, before: dict[str, Any]) -> None:
    now = _functions(cls)
    for name in now.keys() - before.keys():
        delattr(cls, name)
    for name, value in before.items():
        if now.get(name) is not value:
            setattr(cls, name, value)


@contextmanager
def exported_from_hub() -> Iterator[None]:
    """The tests' validators as if installed from the hub: only those are instrumented."""
    names: tuple[str, ...] = tuple(cls.__name__ for cls in HUB)
    for cls in HUB:
        setattr(guardrails.hub, cls.__name__, cls)
    try:
        yield
    finally:
        for name in names:
            delattr(guardrails.hub, name)
