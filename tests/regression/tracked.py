"""An application that Sentry tracks, in a process of its own: Sentry wraps threads for good."""

import asyncio
import functools
import json
import threading
from pathlib import Path
from typing import Any

from .processes import run_main
from .waiting import PATIENCE

NAMES = ("first", "second")


def tracked(guard: str, loops: bool, home: Path) -> dict[str, Any]:
    """Makes a call with two validators that are at work at the same time.

    Args:
        guard: Guard or AsyncGuard.
        loops: Whether Sentry's integration of asyncio is asked for.
        home: The folder to work in.

    Returns:
        By the validator's name, the parent of the span that it opened, and the tag that the
        message which it sent has; None where Sentry knows of no span.
    """
    return dict(run_main("tracked", guard, loops, home=home, timeout=PATIENCE * 5))


def main(guard: str, loops: bool) -> None:
    """Makes the call here, and prints what came of it."""
    from guardrails import validator_service

    validator_service.uvloop = None
    events: list[dict[str, Any]] = []
    if guard == "Guard":
        _start(events, loops)
        _request(_guard(guard).validate)
    else:
        asyncio.run(_serve(events, loops))
    (whole,) = [event for event in events if event.get("type") == "transaction"]
    names = {span["span_id"]: span["description"] for span in whole["spans"]}
    parents = {
        span["description"]: names.get(span["parent_span_id"], "request") for span in whole["spans"]
    }
    tags = {event["message"]: event["tags"]["by"] for event in events if "message" in event}
    print(json.dumps({name: (parents.get(name), tags.get(name)) for name in NAMES}))


def _start(events: list[dict[str, Any]], loops: bool) -> None:
    import sentry_sdk
    from sentry_sdk.integrations.asyncio import AsyncioIntegration
    from sentry_sdk.transport import Transport

    class Kept(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            for item in envelope.items:
                event = item.get_transaction_event() or item.get_event()
                events.extend([event] if event else [])

    integrations = [AsyncioIntegration()] if loops else []
    address = "http://key@localhost/1"
    sentry_sdk.init(address, traces_sample_rate=1.0, transport=Kept, integrations=integrations)


def _guard(kind: str) -> Any:
    import guardrails
    import sentry_sdk

    from .works import Works

    together = threading.Barrier(len(NAMES))

    def judge(name: str, value: Any) -> None:
        """Opens a span, and sends a message when all have opened theirs."""
        with sentry_sdk.start_span(op="judge", name=name):
            sentry_sdk.set_tag("by", name)
            together.wait(PATIENCE)
            sentry_sdk.capture_message(name)
            together.wait(PATIENCE)

    works = [Works().doing(functools.partial(judge, name)) for name in NAMES]
    return getattr(guardrails, kind).for_string(works)


def _request(validate: Any) -> None:
    import sentry_sdk

    asyncio.set_event_loop(asyncio.new_event_loop())
    request = sentry_sdk.start_transaction(name="request")
    with request, sentry_sdk.start_span(op="call", name="call"):
        validate("an answer")


async def _serve(events: list[dict[str, Any]], loops: bool) -> None:
    import sentry_sdk

    # The integration wants the loop to be running.
    _start(events, loops)
    request = sentry_sdk.start_transaction(name="request")
    with request, sentry_sdk.start_span(op="call", name="call"):
        await _guard("AsyncGuard").validate("an answer")
