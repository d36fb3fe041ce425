"""LLMs that answer in chunks, and users who read such answers to the end."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any, Callable, Union

from .playing import MESSAGES, make_guard

Chunks = Union[Iterable[str], AsyncIterable[str]]
CHUNKS = ("One ", "sentence. ", "Another ", "one. ", "And the rest")


def llm(chunks: Iterable[str]) -> Callable[..., Any]:
    """An LLM's client that returns an iterator."""

    def call(*args: Any, messages: Any = None, **kwargs: Any) -> Any:
        return iter(chunks)

    return call


class Response:
    """What an async client returns: guardrails looks for the stream in this attribute."""

    def __init__(self, chunks: Chunks) -> None:
        self.completion_stream = self._stream(chunks)

    async def _stream(self, chunks: Chunks) -> AsyncIterator[str]:
        if isinstance(chunks, AsyncIterable):
            async for chunk in chunks:
                yield chunk
        else:
            for chunk in chunks:
                yield chunk


def async_llm(chunks: Chunks) -> Callable[..., Any]:
    """An LLM's async client."""

    async def call(*args: Any, messages: Any = None, **kwargs: Any) -> Any:
        return Response(chunks)

    return call


def stream(guard: Any, chunks: Iterable[str] = CHUNKS, **kwargs: Any) -> Any:
    """Starts a stream of a Guard's."""
    return guard(llm(chunks), **{"messages": MESSAGES, "stream": True, **kwargs})


async def async_stream(guard: Any, chunks: Chunks = CHUNKS, **kwargs: Any) -> Any:
    """Starts a stream of an AsyncGuard's."""
    return await guard(async_llm(chunks), messages=MESSAGES, stream=True, **kwargs)


def read(check: Any, **kwargs: Any) -> Any:
    """Reads a Guard's stream to its end; returns the Guard."""
    guard = make_guard("Guard", [check])
    for _ in stream(guard, **kwargs):
        pass
    return guard


async def async_read(check: Any, **kwargs: Any) -> Any:
    """Reads an AsyncGuard's stream to its end; returns the Guard."""
    guard = make_guard("AsyncGuard", [check])
    async for _ in await async_stream(guard, **kwargs):
        pass
    return guard
