"""What everyone in a program shares: the log, the variables, the signs, and what must go."""

from __future__ import annotations

import asyncio
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any

from tests.parity.clock import CLOCK, Hung
from tests.parity.program import Program

VARIABLES: dict[str, ContextVar[str]] = {name: ContextVar(name) for name in ("a", "b")}
# Addresses and ids, which are others in each process.
_NUMBERS = re.compile(
    r"0x[0-9a-f]{6,}|\b(?=[a-f]*\d)[0-9a-f]{12}\b|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b|\b\d{10,}\b|gr-\w+"
)
# Which of guardrails' own generators an error is about.
_GENERATORS = re.compile(r"(?<=async_generator object )\S+")
_TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?\S*")
# Jobs in threads that were started together begin in the order of their numbers.
STAGGER = 0.001


class Request:
    """What belongs to one call, and should be gone after it."""


REQUEST: ContextVar[Request] = ContextVar("request")


def normal(text: object) -> str:
    """Writes something without addresses, ids, times and the names of generators."""
    named = _GENERATORS.sub("<name>", str(text))
    return _TIMES.sub("<time>", _NUMBERS.sub("<id>", named))[:400]


class Stage:
    """Where one program is played.

    Attributes:
        program: The program.
        log: Who did what, and when.
        tokens: What variables were set with, by call and variable.
        alive: What must be gone at the end.
        cancels: How each call is cancelled.
        threads: The threads of callers.
        kept: What the application keeps.
        given: The LLM's streams, as the application has them, by call.
        asked: How often a validator of a call was asked.
        validators: All validators.
        used: The variables that somebody sets.
        counts: Whether somebody sets a precision.
        inner: The Guards that are called by others: in a thread, and on a loop.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.log: list[tuple[float, str, str]] = []
        self.tokens: dict[tuple[int, str], list[Token[str]]] = {}
        self.alive: list[tuple[str, weakref.ref[Any]]] = []
        self.cancels: dict[int, Callable[[], None]] = {}
        self.threads: set[int] = set()
        self.kept: list[Any] = []
        self.given: dict[int, Any] = {}
        self.asked: dict[str, int] = {}
        self.validators: list[Any] = []
        text = program.dumped()
        self.used = [name for name in VARIABLES if f"set {name}" in text]
        self.counts = "precision" in text
        self.inner: tuple[Any, Any] = (None, None)
        self._signs: set[str] = set()
        self._expected: dict[str, list[Callable[[bool], None]]] = {}
        self._lock = threading.Lock()

    def note(self, who: str, what: object) -> None:
        """Logs what someone did."""
        self.log.append((round(CLOCK.now, 4), who, normal(what)))

    def note_error(self, who: str, what: str, error: BaseException) -> None:
        """Logs an exception that someone met."""
        self.note(who, f"{what} {told(error)}")

    def count(self, who: str) -> int:
        """Counts how often someone was asked."""
        with self._lock:
            self.asked[who] = self.asked.get(who, 0) + 1
            return self.asked[who]

    def watch(self, name: str, thing: Any) -> Any:
        """Notes that something must be gone at the end."""
        self.alive.append((name, weakref.ref(thing)))
        return thing

    # --- signs ---

    def signal(self, sign: str) -> None:
        """Gives a sign."""
        with self._lock:
            self._signs.add(sign)
            expected = self._expected.pop(sign, [])
        for let_go in expected:
            let_go(True)

    def _register(self, sign: str, let_go: Callable[[bool], None]) -> None:
        with self._lock:
            if sign not in self._signs:
                self._expected.setdefault(sign, []).append(let_go)
                return
        let_go(True)

    def wait(self, sign: str) -> None:
        """Waits for a sign in a thread."""
        if not CLOCK.wait_in_thread(lambda let_go: self._register(sign, let_go)):
            raise Hung(f"nobody gave the sign {sign}")

    async def await_sign(self, sign: str) -> None:
        """Waits for a sign on an event loop."""
        loop, came = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

        def let_go(given: bool) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_set_if_open, came, given)

        CLOCK.expect(came, let_go)
        self._register(sign, let_go)
        try:
            if not await came:
                raise Hung(f"nobody gave the sign {sign}")
        finally:
            CLOCK.forget(came)

    # --- callers ---

    @contextmanager
    def caller(self) -> Iterator[None]:
        """Marks this thread as a caller's for a while."""
        mine = threading.get_ident()
        self.threads.add(mine)
        try:
            yield
        finally:
            self.threads.discard(mine)

    def stagger(self, call: int, number: int) -> None:
        """Has a job in a worker thread wait for its turn."""
        if threading.get_ident() not in self.threads and not _loop_runs():
            CLOCK.sleep(STAGGER * (call * 8 + number + 1))


def _set_if_open(future: asyncio.Future[bool], result: bool) -> None:
    if not future.done():
        future.set_result(result)


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def told(error: BaseException) -> str:
    """Writes an exception: its type, its arguments and what it came from."""
    cause = "" if error.__cause__ is None else f" from {type(error.__cause__).__name__}"
    arguments = ", ".join(map(repr, error.args))
    return f"{type(error).__name__}({arguments}){cause}"
