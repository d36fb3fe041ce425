"""Plays one program in this process, and says what could be observed."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from tests.parity import cast, hosts
from tests.parity.calling import async_request
from tests.parity.clock import CLOCK, install
from tests.parity.program import Call, Check, Program
from tests.parity.stage import Stage, normal, told

LATER = 1000.0


def play(program: Program, report: Callable[[dict[str, Any]], None]) -> None:
    """Plays a program, and reports what could be observed.

    Args:
        program: The program.
        report: Called once, perhaps from another thread, with all that was observed.
    """
    install()
    stage = Stage(program)
    watch = _Watch(stage)
    CLOCK.hopeless = lambda: report(_observation(stage, watch, ["it hung for ever"]))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        watch.warned = warned
        _play(stage, watch)
    report(_observation(stage, watch, []))


def _play(stage: Stage, watch: _Watch) -> None:
    _trace(stage, watch)
    if stage.program.inner:
        stage.inner = cast.inner_guards(stage)
    guard = cast.guard(stage)
    with stage.caller():
        hosts.play(stage, guard)
        _settle()
    watch.history = _history(guard)
    watch.calls = {call.id: f"<call {at}>" for at, call in enumerate(guard.history)}
    stage.tokens.clear()
    stage.cancels.clear()
    stage.given.clear()
    _collect(stage)
    watch.settled = True


def _collect(stage: Stage) -> None:
    """Collects what is garbage; a thread may hold something for a moment yet."""
    for _ in range(5):
        gc.collect()
        if all(thing() is None for _, thing in stage.alive):
            return
        time.sleep(0.02)


def _settle() -> None:
    """Lets everybody come to an end who still can."""
    for _ in range(3):
        CLOCK.sleep(LATER)
        if not CLOCK.release():
            return


def _history(guard: Any) -> list[str]:
    return [
        f"history: {call.status}, {len(call.iterations)} iterations, "
        f"exception {type(call.exception).__name__}, "
        f"{[[log.registered_name for log in each.validator_logs] for each in call.iterations]}"
        for call in guard.history
    ]


class _Watch:
    """What is noted besides the log.

    Attributes:
        warned: Warnings.
        errors: Errors that nobody could be told of, and what was logged.
        spans: All spans that were started.
        history: What the Guard remembers.
        calls: What the calls' ids are written as.
        settled: Whether all has come to an end.
    """

    def __init__(self, stage: Stage) -> None:
        self.warned: Any = []
        self.errors: list[str] = []
        self.spans: list[Any] = []
        self.history: list[str] = []
        self.calls: dict[str, str] = {}
        self.settled = False
        sys.unraisablehook = self._unraisable
        threading.excepthook = self._in_thread
        handler = logging.Handler(logging.WARNING)
        handler.emit = self._logged  # type: ignore[method-assign]
        logging.getLogger().addHandler(handler)

    def _unraisable(self, arguments: Any) -> None:
        error = arguments.exc_value
        self.errors.append(f"unraisable: {told(error) if error else arguments.exc_type}")

    def _in_thread(self, arguments: Any) -> None:
        self.errors.append(f"in a thread: {told(arguments.exc_value)}")

    def _logged(self, record: logging.LogRecord) -> None:
        text = record.getMessage().splitlines()[0][:160]
        error = f" {told(record.exc_info[1])}" if record.exc_info and record.exc_info[1] else ""
        self.errors.append(f"logged: {record.name}: {text}{error}")


def _trace(stage: Stage, watch: _Watch) -> None:
    from guardrails.settings import settings

    settings.disable_tracing = stage.program.tracing == "off"
    if stage.program.tracing != "sdk":
        return
    from opentelemetry import trace
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

    class Noting(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            watch.spans.append(span)

    provider = TracerProvider()
    provider.add_span_processor(Noting())
    trace.set_tracer_provider(provider)


# Comes when garbage is collected; what is left open is counted by the regression tests.
_SOMETIME = re.compile(r"unclosed (event loop|<socket)|Invalid file descriptor: -1")


def _kept(lines: Iterable[str]) -> list[str]:
    return sorted({line for line in lines if not _SOMETIME.search(line)})


def _observation(stage: Stage, watch: _Watch, more: list[str]) -> dict[str, Any]:
    alive = sorted(name for name, thing in stage.alive if thing() is not None)
    return {
        "log": list(stage.log),
        "alive": alive if watch.settled else ["not looked at"],
        "open spans": sorted(span.name for span in watch.spans if span.end_time is None),
        "guard spans": _guard_spans(watch),
        "warnings": _kept(
            f"{each.category.__name__}: {normal(each.message)}" for each in watch.warned
        ),
        "errors": _kept(map(normal, watch.errors)),
        "history": watch.history,
        "ends": more,
    }


def _guard_spans(watch: _Watch) -> list[str]:
    spans = [span for span in watch.spans if span.name == "guard"]
    return [line for at, span in enumerate(spans) for line in _described(at, span, watch.calls)]


def _described(number: int, span: Any, calls: dict[str, str]) -> Iterator[str]:
    yield f"{number} ends {span.status.status_code.name}"
    for name, value in sorted((span.attributes or {}).items()):
        text = f"{number} {name}={value!r}"
        for call, told_as in calls.items():
            text = text.replace(call, told_as)
        yield normal(text)


def prepare() -> None:
    """Imports everything, so that a copy of this process need not."""
    from guardrails import validator_service

    # Another loop than asyncio's has a clock of its own.
    validator_service.uvloop = None
    for name in ("litellm", "opentelemetry.sdk.trace"):
        with suppress(ImportError):
            __import__(name)
    for kind in ("ask", "stream"):
        _warm_up(Program("AsyncGuard", checks=(Check(how="async"),), calls=(Call(kind),)))
    gc.collect()
    gc.freeze()


def _warm_up(program: Program) -> None:
    """Imports what a first call imports, and leaves no thread behind: none survives a fork."""
    stage = Stage(program)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncio.run(async_request(stage, cast.guard(stage), 0))


def crash(error: BaseException) -> dict[str, Any]:
    """Says that the player itself failed."""
    return {"ends": ["the player failed: " + "".join(traceback.format_exception(error))]}
