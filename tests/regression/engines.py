"""A LlamaIndex engine that many users share, guarded, and what each of them is answered."""

import threading
from contextvars import copy_context
from typing import Any, Callable

from guardrails.integrations.llama_index import GuardrailsChatEngine, GuardrailsQueryEngine
from llama_index.core.base.response.schema import Response
from llama_index.core.chat_engine.types import AgentChatResponse
from llama_index.core.query_engine import CustomQueryEngine

from .loops import in_threads, run_guard
from .own_validators import Own
from .playing import make_guard
from .waiting import PATIENCE

USERS = ("alice", "bob", "carol")


class Queried(CustomQueryEngine):
    """Answers a query with the query."""

    def custom_query(self, query_str: str) -> Response:
        """The answer, marked with whose it is."""
        return Response(response=query_str, metadata={"user": query_str})


class Chatted:
    """Answers a message with the message."""

    def chat(self, message: str, chat_history: Any = None) -> AgentChatResponse:
        """The answer, marked with whose it is."""
        return AgentChatResponse(response=message, metadata={"user": message})


def _queried(guard: Any) -> Callable[[str], Any]:
    return GuardrailsQueryEngine(Queried(), guard).query


def _chatted(guard: Any) -> Callable[[str], Any]:
    engine: Any = Chatted()
    return GuardrailsChatEngine(engine, guard).chat


ENGINES = {"query": _queried, "chat": _chatted}


def answers(kind: str) -> dict[str, tuple[str, Any]]:
    """Has all users ask one engine at once; returns each one's answer, and whose it is marked."""
    barrier, answered = threading.Barrier(len(USERS)), dict[str, tuple[str, Any]]()
    check = Own(on_fail="noop").noting(lambda _: barrier.wait(PATIENCE))
    ask = ENGINES[kind](make_guard("Guard", [check]))

    def call(user: str) -> None:
        response = copy_context().run(ask, user)
        answered[user] = str(response), response.metadata["user"]

    run_guard("run-sync", lambda: in_threads([lambda user=user: call(user) for user in USERS]))
    return answered


OWN = {user: (user, user) for user in USERS}
