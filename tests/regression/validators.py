"""The validators that scenarios use: each tells the stage that it runs, and how it judged."""

from contextlib import AbstractContextManager
from typing import Any, Callable, Optional

from guardrails.validator_base import (
    FailResult,
    PassResult,
    ValidationResult,
    Validator,
    register_validator,
)

# What a validator that does not find fault with everything finds fault with.
FAULT = "wrong"

Acting = Callable[[str], "AbstractContextManager[Any]"]


class Acted(Validator):
    """A validator with a part to play: it acts, then passes or fails.

    Attributes:
        act: Opens the validator's part; set by `part`.
        role: The part's name.
        fails: Whether it finds fault.
        only: What it finds fault with; nothing in it means with every value.
    """

    act: Acting
    role: str
    fails: bool = False
    only: str = ""

    def part(self, act: Acting, role: str, fails: bool = False, only: str = "") -> "Acted":
        """Gives the validator its part."""
        self.act, self.role, self.fails, self.only = act, role, fails, only
        return self

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        with self.act(self.role):
            return self._verdict(value)

    def _verdict(self, value: Any) -> ValidationResult:
        if self.fails and self.only in value:
            return FailResult(error_message="found fault", fix_value=value)
        return PassResult()


class ActedAsync(Acted):
    """A validator whose author wrote `async_validate` as well."""

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        """Judges on the event loop."""
        import asyncio

        with self.act(self.role):
            await asyncio.sleep(0)
            return self._verdict(value)


class DelegatesToValidate(Acted):
    """A validator whose `async_validate` calls `validate`."""

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        """Judges on the event loop."""
        return self.validate(value, metadata)


class DelegatesToSuper(Acted):
    """A validator whose `async_validate` calls the one that it overrides."""

    async def async_validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        """Judges where the base class does."""
        return await super().async_validate(value, metadata)


class ActedOnChunks(Acted):
    """A validator that judges every chunk of a stream as it comes."""

    def _chunking_function(self, chunk: str) -> list[str]:
        return [chunk, ""]


class ActedOnStream(Acted):
    """A validator whose author wrote `validate_stream`."""

    def validate_stream(self, chunk: Any, metadata: dict[str, Any], **kwargs: Any) -> Any:
        """Judges every chunk by itself."""
        with self.act(self.role):
            verdict = self._verdict(chunk)
            verdict.validated_chunk = chunk
        return verdict


def _registered(base: type[Acted], name: str) -> type[Acted]:
    cls = type(f"{base.__name__}_{name}", (base,), {})
    return register_validator(name=f"tests/{name}", data_type="all")(cls)


KINDS: dict[str, type[Acted]] = {
    "validate": Acted,
    "async_validate": ActedAsync,
    "delegates-to-validate": DelegatesToValidate,
    "delegates-to-super": DelegatesToSuper,
}
STREAM_KINDS: dict[str, type[Acted]] = {
    "chunks": ActedOnChunks,
    "validate_stream": ActedOnStream,
}
ROLES = ("first", "second", "third", "fourth")
CLASSES = {
    (kind, role): _registered(cls, role)
    for kind, cls in (*KINDS.items(), *STREAM_KINDS.items())
    for role in ROLES
}
HUB: list[type[Acted]] = list(CLASSES.values())


def validator(kind: str, role: str, on_fail: Optional[Any] = "noop") -> Acted:
    """A validator of a kind, under its role's name."""
    return CLASSES[kind, role](on_fail=on_fail)


def span_of(role: str) -> str:
    """The name that a validation's span has in every backend."""
    return f"tests/{role}.validate"
