"""D16 to D18, D20 and D21: what one user's call shows another's."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from threading import Barrier, Thread
from typing import Any
from unittest import mock

from guardrails.logger import logger
from guardrails.utils.hub_telemetry_utils import HubTelemetry
from guardrails.validator_base import PassResult, ValidationResult, Validator, register_validator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from regression.loops import run_async_guard, run_guard
from regression.playing import MESSAGES
from regression.shared import TRACING, faults_of_guard_spans
from regression.stage import Stage
from regression.waiting import PATIENCE, joined

from scoreboard.cells import Faults, probes
from scoreboard.situations import GUARDS, Llm, called, guard_of

USERS = ("alice", "bob", "carol")


@register_validator(name="tests/notes-values", data_type="all")
class NotesValues(Validator):
    """A validator that accumulates in the way of the base class, and notes what it is given."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.values: list[str] = []

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        self.values.append(str(value))
        return PassResult()


@register_validator(name="tests/whole-lines", data_type="all")
class WholeLines(NotesValues):
    """A validator that accumulates by itself."""

    accumulated_chunks: list[str]

    def validate_stream(self, chunk: Any, metadata: Any, **kwargs: Any) -> Any:
        """Validates once there is a full stop."""
        self.accumulated_chunks.append(chunk)
        text = "".join(self.accumulated_chunks)
        if not kwargs.get("remainder") and "." not in text:
            return None
        self.accumulated_chunks = []
        result = self.validate(text, metadata)
        result.validated_chunk = text
        return result


KINDS = {"the base class's chunks": NotesValues, "its own chunks": WholeLines}


@probes("D16", "after an abandoned stream of a Guard")
def abandoned() -> Faults:
    """The next user's validator is given nothing of the one before."""
    check = NotesValues(on_fail="noop")
    run_guard("idle", lambda: _abandon_and_read(guard_of("Guard", check), check))
    return [f"validated {value!r}" for value in check.values if "alice" in value]


def _abandon_and_read(guard: Any, check: NotesValues) -> None:
    stream = _stream(guard, "A whole one. alice's ", "secret. ")
    next(stream)
    stream.close()
    check.values.clear()
    list(_stream(guard, "bob's own. ", "More."))


def _stream(guard: Any, *chunks: str) -> Any:
    stage = mock.Mock(spec=Stage, sights=[])
    return guard(Llm(stage, chunks).call, messages=MESSAGES, stream=True)


@probes("D16", "two streams of one Guard, read in turns", tuple(KINDS))
def interleaved(kind: str) -> Faults:
    """Each value that is validated is one user's."""
    check = KINDS[kind](on_fail="noop")
    run_guard("idle", lambda: _read_in_turns(guard_of("Guard", check)))
    return [f"validated {value!r}" for value in check.values if "alice" in value and "bob" in value]


def _read_in_turns(guard: Any) -> None:
    chunks = ("{0} one ", "two {0}. ", "{0} three ", "four {0}. ")
    streams = [_stream(guard, *(each.format(user) for each in chunks)) for user in USERS[:2]]
    for _ in zip(*streams, strict=False):
        pass
    for rest in streams:
        list(rest)


@register_validator(name="tests/logs", data_type="all")
class Logs(Validator):
    """A validator that logs the value when all users have come as far."""

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        metadata["barrier"].wait(PATIENCE)
        logger.warning("validating %s", value)
        return PassResult()


@probes("D17", "logs in the histories of concurrent guards", GUARDS)
def logs(kind: str) -> Faults:
    """Each Guard's history has its own user's logs."""
    guards = {user: guard_of(kind, Logs(on_fail="noop")) for user in USERS}
    with _log_unwritten():
        if kind == "Guard":
            run_guard("run-sync", lambda: _validate_in_threads(guards))
        else:
            run_async_guard("running", lambda: _validate_at_once(guards))
    return [fault for user, guard in guards.items() for fault in _foreign(user, guard)]


@contextmanager
def _log_unwritten() -> Iterator[None]:
    """Guardrails logs calls over one SQLite connection for all threads, and into its own file.

    That is a fault of another kind, and so is what its logger prints.
    """
    handler = "guardrails.telemetry.legacy_validator_tracing.TraceHandler"
    level, propagate = logger.level, logger.propagate
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    with mock.patch(handler):
        yield
    logger.level, logger.propagate = level, propagate


def _validate_in_threads(guards: dict[str, Any]) -> None:
    metadata = {"barrier": Barrier(len(guards))}
    joined(*[_thread(guard, user, metadata) for user, guard in guards.items()])


def _thread(guard: Any, user: str, metadata: dict[str, Any]) -> Thread:
    call = partial(guard.validate, user, metadata=metadata)
    return Thread(target=call, daemon=True)


async def _validate_at_once(guards: dict[str, Any]) -> None:
    metadata = {"barrier": Barrier(len(guards))}
    await asyncio.gather(*[g.validate(user, metadata=metadata) for user, g in guards.items()])


def _foreign(user: str, guard: Any) -> Faults:
    seen = [str(line) for line in guard.history.last.logs if "validating" in str(line)]
    return [] if seen == [f"validating {user}"] else [f"{user}'s history has {seen}"]


@probes("D18", "hub telemetry's traces of four calls", GUARDS)
def hub_telemetry(kind: str) -> Faults:
    """Each call is a trace of its own."""
    with _measured() as exporter:
        called(kind, lambda: _call_four(kind), lambda: _call_four_at_once(kind))
        spans = exporter.get_finished_spans()
    roots = Counter(span.context.trace_id for span in spans if not span.parent)
    traces = {span.context.trace_id for span in spans}
    whole = len(traces) == 4 and set(roots.values()) == {1}
    return [] if whole else [f"{len(traces)} traces with {roots.total()} roots"]


@contextmanager
def _measured() -> Iterator[InMemorySpanExporter]:
    """Metrics are on, and stay here."""
    exporter, provider, telemetry = InMemorySpanExporter(), TracerProvider(), HubTelemetry()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer, propagator = provider.get_tracer("hub"), TraceContextTextMapPropagator()
    with mock.patch.multiple(
        telemetry, create=True, _enabled=True, _tracer=tracer, _prop=propagator
    ):
        yield exporter


def _measured_guard(kind: str) -> Any:
    guard = guard_of(kind)
    guard.configure(allow_metrics_collection=True)
    return guard


def _call_four(kind: str) -> None:
    for _ in range(4):
        _measured_guard(kind).validate("an answer")


async def _call_four_at_once(kind: str) -> None:
    await asyncio.gather(*[_measured_guard(kind).validate("an answer") for _ in range(4)])


@probes("D20", "guard spans of users who share a Guard", GUARDS, tuple(TRACING))
def guard_spans(kind: str, tracing: str) -> Faults:
    """Each user's question is on the span of that user's own call."""
    return faults_of_guard_spans(kind, tracing)


@probes("D21", "answers of a LlamaIndex engine that users share", ("query", "chat"))
def engine(kind: str) -> Faults:
    """Each user gets their own answer; 0.6.0 has no such engines."""
    if find_spec("guardrails.integrations.llama_index") is None:
        return []
    from regression.engines import OWN, answers

    given = answers(kind)
    return [] if given == OWN else [f"the answers are {given}"]
