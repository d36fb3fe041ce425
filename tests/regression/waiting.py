"""Waits that end: whatever hangs without a patch is a failure here, not a stuck session."""

import threading

PATIENCE = 20.0


def joined(*threads: threading.Thread) -> None:
    """Starts threads and waits until all of them are done."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), f"{thread.name} did not end within {PATIENCE} s"
