"""Validators that a user wrote: guardrails.hub exports none of them."""

from typing import Any, Callable, Optional

from guardrails.validator_base import (
    PassResult,
    ValidationResult,
    Validator,
    register_validator,
)

NAME = "tests/own"


class Noting(Validator):
    """A validator that passes, and keeps what it was asked about.

    Attributes:
        values: The texts that it judged, in order.
        chunks: How many chunks of streams it was handed.
        then: Called with each text before it passes.
    """

    values: list[str]
    chunks: int = 0
    then: Optional[Callable[[str], object]] = None

    def noting(self, then: Optional[Callable[[str], object]] = None) -> "Noting":
        """Starts to note, and calls `then` with each text."""
        self.values, self.then = [], then
        return self

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        self.values.append(value)
        if self.then is not None:
            self.then(value)
        return PassResult()


@register_validator(name=NAME, data_type="all")
class Own(Noting):
    """A validator that leaves streams to the base class: a sentence at a time."""

    def validate_stream(
        self, chunk: Any, metadata: dict[str, Any], **kwargs: Any
    ) -> Optional[ValidationResult]:
        """Counts, and does what the base class does."""
        self.chunks += 1
        return super().validate_stream(chunk, metadata, **kwargs)


@register_validator(name="tests/own-stream", data_type="all")
class OwnStream(Noting):
    """A validator that judges streams its own way, a sentence at a time all the same."""

    accumulated_chunks: list[str]

    def validate_stream(
        self, chunk: Any, metadata: dict[str, Any], **kwargs: Any
    ) -> Optional[ValidationResult]:
        """Accumulates until there is a full stop."""
        self.chunks += 1
        self.accumulated_chunks.append(chunk)
        text = "".join(self.accumulated_chunks)
        if not kwargs.get("remainder") and "." not in text:
            return None
        self.accumulated_chunks = []
        return self._judged(text, metadata)

    def _judged(self, text: str, metadata: dict[str, Any]) -> ValidationResult:
        result = self._validate(text, metadata)
        result.validated_chunk = text
        return result


@register_validator(name="tests/keeps-a-secret", data_type="all")
class KeepsASecret(Noting):
    """A validator that has an API key among its attributes, in more than one guise."""

    def with_secret(self, secret: str) -> Noting:
        """Takes the key, as a validator's `__init__` does from the environment."""
        self.credential = secret
        self.headers = {"Authorization": f"Bearer {secret}"}
        return self


class NoConnection(KeepsASecret):
    """One that cannot reach what its key is for."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        raise ConnectionError("no answer")
