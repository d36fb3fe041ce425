"""What the clients note of their requests."""

from __future__ import annotations

from dataclasses import dataclass

ANSWERED, HUNG_UP, FAILED = "answered", "hung up", "failed"


@dataclass(frozen=True)
class Sent:
    """A request, and what came of it.

    Attributes:
        tenant: Whose it was.
        endpoint: Where it went.
        outcome: `answered`, `hung up` by its client, or `failed`, as with a killed worker.
        trace: The trace that the application said it is; empty if there was no answer.
        worker: The process that answered; 0 if none did.
        seconds: Until the answer was whole.
        ended: When, in seconds since the epoch.
    """

    tenant: str
    endpoint: str
    outcome: str
    trace: str
    worker: int
    seconds: float
    ended: float
