"""What a guarded LlamaIndex engine keeps on itself is there after a call."""

from typing import Any

import pytest

from .patches import Patch, unchanged_by

pytest.importorskip("guardrails.integrations.llama_index", reason="0.6.0 has no such engines")

from guardrails.integrations.llama_index import GuardrailsChatEngine, GuardrailsQueryEngine

from .engines import Chatted, Queried
from .loops import run_guard
from .own_validators import Own
from .playing import make_guard

pytestmark = unchanged_by(Patch.ENGINES)


class Counting:
    """Counts on itself how often it is asked."""

    asked = 0

    def engine_api(self, **kwargs: Any) -> str:
        """Counts, and asks."""
        self.asked += 1
        answer: str = super().engine_api(**kwargs)  # type: ignore[misc]
        return answer


class CountingQueries(Counting, GuardrailsQueryEngine):
    """Counts queries."""


class CountingChats(Counting, GuardrailsChatEngine):
    """Counts messages."""


def queried(guard: Any) -> Any:
    """A guarded query engine, and how it is asked."""
    engine = CountingQueries(Queried(), guard)
    return engine, engine.query


def chatted(guard: Any) -> Any:
    """A guarded chat engine, and how it is asked."""
    inner: Any = Chatted()
    engine = CountingChats(inner, guard)
    return engine, engine.chat


@pytest.mark.parametrize("made", [queried, chatted])
def test_an_engine_keeps_its_attributes_and_its_last_response(made: Any) -> None:
    engine, ask = made(make_guard("Guard", [Own(on_fail="noop").noting()]))

    def calls() -> list[Any]:
        return [ask(f"question {number}") for number in range(3)]

    responses = run_guard("run-sync", calls)
    assert engine.asked == len(responses)
    assert engine._engine_response is responses[-1]
