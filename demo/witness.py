"""What a caller hands down with its context, and who still sees it.

The caller sets three variables, each in a way of its own. Everyone whom the Guard calls looks
for all three. After the call, the caller looks whether something of the call stayed behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context

from guardrails.stores.context import get_guard_name
from opentelemetry import baggage, context

REQUEST: ContextVar[str] = ContextVar("REQUEST", default="")
USER = "user"
KEY = "no-real-key"

# What each variable holds at the caller; the Guard's name is the Guard's to set.
EXPECTED = {"ContextVar": "request-1163", "baggage": "ada", "guard name": "reply-guard"}

_sightings: list[dict[str, str]] = []


@contextmanager
def handed_down() -> Iterator[None]:
    """Sets the caller's variables for as long as the block lasts."""
    token = context.attach(baggage.set_baggage(USER, EXPECTED["baggage"]))
    request = REQUEST.set(EXPECTED["ContextVar"])
    try:
        yield
    finally:
        REQUEST.reset(request)
        context.detach(token)


def look(place: str) -> None:
    """Notes what is visible here of each variable."""
    found = {
        "ContextVar": REQUEST.get(),
        "baggage": str(baggage.get_baggage(USER) or ""),
        "guard name": get_guard_name(),
    }
    _sightings.extend(
        {"place": place, "variable": variable, "found": value, "expected": EXPECTED[variable]}
        for variable, value in found.items()
    )


def sightings() -> list[dict[str, str]]:
    """What was noted since the last time that this was asked."""
    noted, _sightings[:] = list(_sightings), []
    return noted


def left_behind() -> list[str]:
    """The caller's variables that hold the call's API key."""
    return [variable.name for variable, held in copy_context().items() if _has_key(held)]


def _has_key(held: object) -> bool:
    return held == KEY or (isinstance(held, dict) and KEY in held.values())
