"""A Guard that asks a second LLM records on its span the call whose outcome it returns."""

import asyncio
from typing import Any

import pytest
from guardrails import AsyncGuard, Guard

from .backends import BACKENDS
from .loops import run_async_guard, run_guard
from .own_validators import Own
from .patches import Patch, unchanged_by

GOOD, BAD = "a good answer", "a bad answer"
MESSAGES = [{"role": "user", "content": "a question"}]


def good(**kwargs: Any) -> str:
    """The LLM that is asked second."""
    return GOOD


async def async_good(**kwargs: Any) -> str:
    """The same, for an AsyncGuard."""
    return GOOD


class FallingBack(Guard):
    """Asks a second LLM where the first one fails."""

    def _execute(self, *args: Any, llm_api: Any = None, **kwargs: Any) -> Any:
        try:
            return super()._execute(*args, llm_api=llm_api, **kwargs)
        except Exception:
            return super()._execute(*args, llm_api=good, **kwargs)


class AsyncFallingBack(AsyncGuard):
    """The same, of an AsyncGuard."""

    async def _execute(self, *args: Any, llm_api: Any = None, **kwargs: Any) -> Any:
        try:
            return await super()._execute(*args, llm_api=llm_api, **kwargs)
        except Exception:
            return await super()._execute(*args, llm_api=async_good, **kwargs)


def unreachable(**kwargs: Any) -> str:
    """The LLM that is asked first."""
    raise ConnectionError("no answer")


async def async_unreachable(**kwargs: Any) -> str:
    """The same, for an AsyncGuard."""
    await asyncio.sleep(0)
    raise ConnectionError("no answer")


def called(cls: Any) -> Any:
    """Has a Guard fall back; returns it and its outcome."""
    guard = cls(name="shared").use(Own(on_fail="noop").noting())
    if cls is FallingBack:
        return guard, run_guard("run-sync", lambda: guard(unreachable, messages=MESSAGES))
    return guard, run_async_guard("running", lambda: guard(async_unreachable, messages=MESSAGES))


@unchanged_by(Patch.GUARD_SPANS)
@pytest.mark.parametrize("cls", [FallingBack, AsyncFallingBack])
def test_the_call_that_is_returned_is_on_the_guard_span(cls: Any) -> None:
    with BACKENDS["opentelemetry"]() as tracing:
        guard, outcome = called(cls)
        (span,) = (s for s in tracing.exported() if s.name == "guard")
    assert outcome.validated_output == GOOD
    assert len(guard.history) == 2
    assert span.attributes["execution_id"] == outcome.call_id == guard.history.last.id
    assert span.attributes["validation_passed"] is True
