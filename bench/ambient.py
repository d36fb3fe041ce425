"""The ContextVars that a caller has around what is measured."""

from __future__ import annotations

from contextvars import Context, ContextVar, copy_context


def ambient(variables: int) -> Context:
    """A context with that many variables of the application's."""
    context = copy_context()
    for number in range(variables):
        context.run(ContextVar[int](f"ambient{number}").set, number)
    return context
