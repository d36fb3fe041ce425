"""Everyone in the scenario but the caller: the LLM, two validators, and an on_fail handler.

Only the LLM is not real. `chat` and `async_chat` stand for its instrumented client: they open a
span of their own below whatever span is current, as the MLflow autologging of a client does.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import guardrails.hub
import mlflow
from guardrails.validator_base import (
    FailResult,
    PassResult,
    ValidationResult,
    Validator,
    register_validator,
)

from demo.witness import look

REPLY = "Gladly. Ring Ada on 555-0100."
# An LLM takes its time; one that takes none would be a speck in a picture of the call.
_SECONDS = 0.05
_NUMBER = re.compile(r"\b\d{3}-\d{4}\b")


@contextmanager
def _span(model: str, prompt: str, answer: str) -> Iterator[None]:
    """The span of a client's call."""
    with mlflow.start_span(f"chat {model}", span_type="CHAT_MODEL") as span:
        span.set_inputs({"prompt": prompt})
        yield
        span.set_outputs({"answer": answer})


def chat(model: str, prompt: str, answer: str) -> str:
    """An LLM's client with a span around its call."""
    with _span(model, prompt, answer):
        time.sleep(_SECONDS)
        return answer


async def async_chat(model: str, prompt: str, answer: str) -> str:
    """The same client for callers that must not wait in a thread."""
    with _span(model, prompt, answer):
        await asyncio.sleep(_SECONDS)
        return answer


def llm(*, messages: list[dict[str, str]], **_kwargs: Any) -> str:
    """The LLM callable of a Guard."""
    look("LLM callable")
    return chat("writer", messages[-1]["content"], REPLY)


async def async_llm(*, messages: list[dict[str, str]], **_kwargs: Any) -> str:
    """The LLM callable of an AsyncGuard."""
    look("LLM callable")
    return await async_chat("writer", messages[-1]["content"], REPLY)


@register_validator(name="demo/polite", data_type="string")
class Polite(Validator):
    """Asks another LLM whether the text is polite."""

    def _validate(self, value: Any, _metadata: dict[str, Any]) -> ValidationResult:
        look("validator demo/polite")
        verdict = chat("judge", f"Is this polite? {value}", "yes")
        return PassResult() if verdict == "yes" else FailResult(error_message="impolite")


@register_validator(name="demo/no-phone", data_type="string")
class NoPhone(Validator):
    """Refuses text that has a phone number."""

    def _validate(self, value: Any, _metadata: dict[str, Any]) -> ValidationResult:
        look("validator demo/no-phone")
        found = _NUMBER.search(value)
        return FailResult(error_message="a phone number") if found else PassResult()


def mask(value: str, _result: FailResult) -> str:
    """The on_fail handler: masks the numbers."""
    look("on_fail handler")
    return _NUMBER.sub("***", value)


def validators() -> list[Validator]:
    """The guard's two validators."""
    return [Polite(on_fail="exception"), NoPhone(on_fail=mask)]


def export_from_hub() -> None:
    """Puts the validators where installed ones are: only there are they instrumented."""
    for cls in (Polite, NoPhone):
        setattr(guardrails.hub, cls.__name__, cls)
