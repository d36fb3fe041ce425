"""How long anything here waits: whatever hangs without a patch is a failure, not a stuck session.

All waits and limits come from here, so that one variable stretches them for a slow machine.
"""

import os
import threading
import time

VARIABLE = "GUARDRAILS_CONTEXT_PATIENCE"


def _patience() -> float:
    given = os.environ.get(VARIABLE) or "120"
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    # Infinity is more than a thread can wait.
    if not 0 < seconds <= 10**6:
        raise ValueError(f"{VARIABLE}={given}: it is a number of seconds, for instance 600")
    return seconds


# For one wait. What is right needs a fraction of it, so it costs only where something hangs.
PATIENCE = _patience()
# For a whole test, which may wait more than once.
LIMIT = 5 * PATIENCE


def joined(*threads: threading.Thread) -> None:
    """Starts threads and waits until all of them are done."""
    for thread in threads:
        thread.start()
    until = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
        assert not thread.is_alive(), f"{thread.name} did not end within {PATIENCE:g} s"
