"""Validators of one call that end in different ways."""

import asyncio
import threading
from typing import Any, Callable

from guardrails.validator_base import (
    PassResult,
    ValidationResult,
    Validator,
    register_validator,
)

from .waiting import PATIENCE


class Failure(Exception):
    """What a validator ends in, rather than in a result."""


class Asynchronous(Validator):
    """A validator that works on the event loop, chunk by chunk in streams."""

    async def async_validate_stream(
        self, chunk: Any, metadata: dict[str, Any], **kwargs: Any
    ) -> ValidationResult:
        """Validates every chunk by itself."""
        return await self.async_validate(chunk, metadata)


@register_validator("regression/passes", data_type="all")
class Passes(Asynchronous):
    """Passes at once."""

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        """Passes."""
        return PassResult()


@register_validator("regression/fails", data_type="all")
class Fails(Asynchronous):
    """Ends in an exception after the event loop has turned some times."""

    def ending_in(self, error: Callable[[], BaseException] = Failure, turns: int = 3) -> "Fails":
        """Says in which exception, and after how many turns."""
        self.error, self.turns = error, turns
        return self

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        """Raises."""
        for _ in range(self.turns):
            await asyncio.sleep(0)
        raise self.error()


@register_validator("regression/waits", data_type="all")
class Waits(Asynchronous):
    """Waits for what does not come, and cleans up when it is cancelled.

    Attributes:
        cleaned_up: Whether it could do so undisturbed.
    """

    cleaned_up = False

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        """Waits."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            for _ in range(10):
                await asyncio.sleep(0)
            self.cleaned_up = True
            raise
        return PassResult()


@register_validator("regression/waits-in-a-thread", data_type="all")
class WaitsInAThread(Validator):
    """Waits in a worker thread.

    Attributes:
        let_go: Set by whoever wants it to end.
        passed: Set when it has ended.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.let_go, self.passed = threading.Event(), threading.Event()

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        if self.let_go.wait(PATIENCE):
            self.passed.set()
        return PassResult()
