"""Requests that are served at the same time know nothing of each other."""

import threading
from contextvars import copy_context
from unittest import mock

from guardrails.telemetry import legacy_validator_tracing
from hypothesis import given, settings
from hypothesis import strategies as st

from .loops import close_current_loop, run_async_guard, without_uvloop
from .patches import Patch, repaired_by
from .serving import Request, Served, expected
from .waiting import joined

REQUESTS = st.lists(
    st.builds(
        Request,
        value=st.text("abc", min_size=1, max_size=3),
        name=st.sampled_from(["this-guard", "that-guard", "another-guard"]),
        kind=st.sampled_from(["validate", "async_validate"]),
    ),
    min_size=1,
    max_size=12,
)


@repaired_by(Patch.VALIDATORS)
def test_each_of_200_async_guards_validates_in_its_own_context() -> None:
    served, requests = Served(), [Request(f"request {n}") for n in range(200)]
    run_async_guard("running", lambda: served.all_at_once(requests))
    assert sorted(str(value) for value, _ in served.seen) == [v for v, _ in expected(requests)]


@repaired_by(Patch.GUARD)
@given(requests=REQUESTS)
def test_async_guards_on_one_loop(requests: list[Request]) -> None:
    served = Served()
    run_async_guard("running", lambda: served.all_at_once(requests))
    assert _sorted(served) == expected(requests)


@repaired_by(Patch.GUARD)
@given(requests=REQUESTS)
@settings(max_examples=10)
def test_guards_in_threads(requests: list[Request]) -> None:
    served = Served()
    # guardrails logs every call over one SQLite connection for all threads, which Python 3.13
    # refuses: a fault of another kind.
    with without_uvloop(), mock.patch(f"{legacy_validator_tracing.__name__}.TraceHandler"):
        joined(*[_thread(served, request) for request in requests])
    assert _sorted(served) == expected(requests)


def _thread(served: Served, request: Request) -> threading.Thread:
    def main() -> None:
        try:
            served.call(request)
        finally:
            close_current_loop()

    return threading.Thread(target=copy_context().run, args=(main,), daemon=True)


def _sorted(served: Served) -> list[tuple[str, str]]:
    return sorted((str(value), name) for value, name in served.seen)
