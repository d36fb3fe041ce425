"""A validator that does what a test wants, in the worker thread that it is given."""

from typing import Any, Callable

from guardrails.validator_base import (
    PassResult,
    ValidationResult,
    Validator,
    register_validator,
)


@register_validator("regression/works", data_type="all")
class Works(Validator):
    """Does something with the value.

    Attributes:
        work: What it does.
        results: What came of it, call by call.
    """

    def doing(self, work: Callable[[Any], Any]) -> "Works":
        """Says what it does."""
        self.work: Callable[[Any], Any] = work
        self.results: list[Any] = []
        return self

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        self.results.append(self.work(value))
        return PassResult()

    def _chunking_function(self, chunk: str) -> list[str]:
        return [chunk, ""]
