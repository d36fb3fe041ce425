"""Scopes that a user gives the logs of are kept as they are given."""

import logging
import threading

from guardrails.logger import ScopeHandler, get_scope_handler, logger, set_scope

from .patches import Patch, unchanged_by
from .waiting import joined

pytestmark = unchanged_by(Patch.LOG_SCOPE)


def log(handler: ScopeHandler, text: str) -> None:
    """Has the handler file a log."""
    handler.handle(logging.makeLogRecord({"msg": text}))


def texts(handler: ScopeHandler, scope: str) -> list[str]:
    """The logs of a scope."""
    return [record.getMessage() for record in handler.get_logs(scope)]


def test_a_scope_that_is_a_number_is_continued() -> None:
    handler = ScopeHandler()
    for text in ("one", "two"):
        handler.set_scope("4711")
        log(handler, text)
    assert texts(handler, "4711") == ["one", "two"]


def test_a_scope_that_is_set_outside_of_calls_is_every_threads() -> None:
    before = get_scope_handler().scope
    set_scope("of the application")
    try:
        joined(threading.Thread(target=logger.warning, args=("from a thread",)))
        assert texts(get_scope_handler(), "of the application") == ["from a thread"]
    finally:
        set_scope(before)
        get_scope_handler().scoped_logs.pop("of the application", None)


def test_each_handler_has_its_own_scope() -> None:
    one, other = ScopeHandler(scope="one"), ScopeHandler(scope="other")
    one.set_scope("another")
    assert (one.scope, other.scope) == ("another", "other")
