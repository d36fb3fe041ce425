"""What a test that fails leaves behind ends with it, and not in the middle of another test."""

import gc
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional


def let_go(error: BaseException) -> None:
    """Ends what only an error's traceback still holds: streams, coroutines, spans."""
    chained: Optional[BaseException] = error
    while chained is not None:
        traceback.clear_frames(chained.__traceback__)
        chained = chained.__cause__ or chained.__context__
    gc.collect()


@contextmanager
def unheard() -> Iterator[list[str]]:
    """Collects what would be reported of errors that nobody can catch: in `__del__`, in threads.

    pytest reports them with whichever test it comes to next, once a test has failed.
    """
    heard: list[str] = []
    before = sys.unraisablehook, threading.excepthook
    note: Any = lambda error: heard.append(_text(error))  # noqa: E731 - one for two kinds of hooks
    sys.unraisablehook = threading.excepthook = note
    try:
        yield heard
    finally:
        sys.unraisablehook, threading.excepthook = before


def _text(error: Any) -> str:
    return f"{error.exc_type.__name__}: {error.exc_value}"
