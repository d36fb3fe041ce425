"""A Guard that answers many requests at once, and what its validator saw of each."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from guardrails import AsyncGuard, Guard
from guardrails.stores.context import get_guard_name

from .stage import CALLER
from .validators import validator


@dataclass(frozen=True)
class Request:
    """Someone's call of a Guard of their own.

    Attributes:
        value: What its caller's variable holds.
        name: The Guard's name.
        kind: The validator's kind.
    """

    value: str
    name: str = "the-guard"
    kind: str = "validate"


@dataclass
class Served:
    """Requests that were answered, with what their validators saw.

    Attributes:
        seen: The variable's value and the Guard's name, in no order.
    """

    seen: list[tuple[Any, str]] = field(default_factory=list)

    @contextmanager
    def act(self, role: str) -> Iterator[None]:
        """A validator's part: it notes what it sees."""
        self.seen.append((CALLER.get(), get_guard_name()))
        yield

    def _guard(self, cls: Any, request: Request) -> Any:
        checks = [
            validator(request.kind, role).part(self.act, role) for role in ("first", "second")
        ]
        return cls.for_string(checks, name=request.name)

    def call(self, request: Request) -> None:
        """One request, answered by a Guard."""
        CALLER.set(request.value)
        self._guard(Guard, request).validate("an answer")

    async def async_call(self, request: Request) -> None:
        """One request, answered by an AsyncGuard."""
        CALLER.set(request.value)
        await self._guard(AsyncGuard, request).validate("an answer")

    async def by_itself(self, method: str) -> list[Any]:
        """Runs a validator that nobody's Guard runs; returns the values that it saw."""
        CALLER.set("of its own")
        check = validator("validate", "first").part(self.act, "first")
        await getattr(check, method)("One sentence. Another one.", {})
        return [value for value, _ in self.seen]

    async def all_at_once(self, requests: Sequence[Request]) -> None:
        """Answers all requests concurrently, each in a task of its own."""
        await asyncio.gather(*[asyncio.ensure_future(self.async_call(r)) for r in requests])


def expected(requests: Sequence[Request]) -> list[tuple[Any, str]]:
    """What the validators must have seen: two of each request, its own."""
    return sorted((r.value, r.name) for r in requests for _ in ("first", "second"))
