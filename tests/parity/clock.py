"""A clock that jumps: nobody waits for time to pass, and what comes when is always the same.

All event loops and all acts that sleep ask this clock. It stands while any thread is at work; once
all of them sleep or wait, it jumps to when the first is to wake. Where nobody would ever wake,
those who wait are let go, and it is on record that they hung.

Threads are counted: the one that plays, each job of a pool, and what is marked as `working`.
"""

from __future__ import annotations

import asyncio
import asyncio.unix_events
import concurrent.futures.thread
import math
import selectors
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any

# How long one looks, in real seconds, before one looks at the clock again.
SLICE = 0.002
# How long nothing must have moved, in real seconds, before the clock jumps; before those who wait
# are let go; the same two, where threads that are counted are stuck.
GRACE, SURE, STUCK, HOPELESS = 0.003, 0.1, 1.5, 6.0
EVER = math.inf


class Hung(Exception):
    """Nobody would ever have come."""


class Clock:
    """Virtual time for all threads.

    Attributes:
        now: The time, in seconds.
        hopeless: Called where everybody waits and nobody can be let go.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.hopeless: Callable[[], None] = lambda: None
        self._lock = threading.Condition(threading.RLock())
        self._busy = 1
        self._idle: dict[object, float] = {}
        self._woken: set[object] = set()
        self._moved = time.monotonic()
        self._waiters: dict[object, Callable[[bool], None]] = {}

    # --- who is at work ---

    def started(self) -> None:
        """Counts one more at work."""
        with self._lock:
            self._busy += 1
            self._moved = time.monotonic()

    def finished(self) -> None:
        """Counts one less."""
        with self._lock:
            self._busy -= 1
            self._moved = time.monotonic()

    @contextmanager
    def blocked(self) -> Iterator[None]:
        """Leaves this thread out of account while it waits for another one."""
        self.finished()
        try:
            yield
        finally:
            self.started()

    # --- who sleeps ---

    def rest(self, who: object, until: float) -> bool:
        """Notes that someone is idle, unless he has been woken meanwhile."""
        with self._lock:
            if who in self._woken:
                self._woken.discard(who)
                return False
            self._idle[who] = until
            self.finished()
            return True

    def wake(self, who: object) -> None:
        """Counts someone as at work again."""
        with self._lock:
            if self._idle.pop(who, None) is None:
                self._woken.add(who)
            else:
                self.started()
            self._lock.notify_all()

    def rise(self, who: object) -> None:
        """Ends someone's rest, whatever ended it."""
        with self._lock:
            if self._idle.pop(who, None) is not None:
                self.started()
            self._woken.discard(who)

    def is_due(self, who: object) -> bool:
        """Whether someone's rest is over."""
        return who not in self._idle

    def look(self) -> None:
        """Jumps if everybody rests."""
        with self._lock:
            still = time.monotonic() - self._moved
            if still < (STUCK if self._busy > 0 else GRACE):
                return
            until = min(self._idle.values(), default=EVER)
            if until < EVER:
                self._jump(until)
            elif still > (HOPELESS if self._busy > 0 else SURE) and not self.release():
                self.hopeless()

    def _jump(self, until: float) -> None:
        self.now = max(self.now, until)
        for who in [who for who, when in self._idle.items() if when <= self.now + 1e-6]:
            self.wake(who)

    def release(self) -> bool:
        """Lets those go who wait in vain; returns whether there were any."""
        with self._lock:
            self._moved = time.monotonic()
            waiters, self._waiters = self._waiters, {}
        for let_go in waiters.values():
            let_go(False)
        return bool(waiters)

    def sleep(self, seconds: float) -> None:
        """Has this thread sleep."""
        self._wait(object(), self.now + seconds)

    def _wait(self, me: object, until: float) -> None:
        with self._lock:
            if not self.rest(me, until):
                return
            while me in self._idle:
                self._lock.wait(SLICE)
                self.look()

    # --- who waits for a sign ---

    def expect(self, me: object, let_go: Callable[[bool], None]) -> None:
        """Notes whom to call when a sign comes (True), or cannot come any more (False)."""
        with self._lock:
            self._waiters[me] = let_go

    def forget(self, me: object) -> None:
        """Notes that someone waits no longer."""
        with self._lock:
            self._waiters.pop(me, None)

    def wait_in_thread(self, register: Callable[[Callable[[bool], None]], None]) -> bool:
        """Has this thread wait until what it registers is called; returns with what."""
        me, came = object(), []

        def let_go(sign: bool) -> None:
            came.append(sign)
            self.wake(me)

        self.expect(me, let_go)
        register(let_go)
        self._wait(me, EVER)
        self.forget(me)
        return came[0]


CLOCK = Clock()


class Selector(selectors.DefaultSelector):
    """Looks for events while the clock decides how long."""

    def select(self, timeout: float | None = None) -> Any:
        """Returns events as soon as there are some, or none when it is time."""
        if timeout is not None and timeout <= 0:
            return super().select(0)
        until = EVER if timeout is None else CLOCK.now + timeout
        if not CLOCK.rest(self, until):
            return super().select(0)
        try:
            return self._events()
        finally:
            CLOCK.rise(self)

    def _events(self) -> Any:
        while True:
            events = super().select(SLICE)
            if events or CLOCK.is_due(self):
                return events
            CLOCK.look()


class Loop(asyncio.SelectorEventLoop):
    """An event loop that goes by the clock."""

    def __init__(self) -> None:
        self._own_selector = Selector()
        super().__init__(self._own_selector)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Returns the clock's time."""
        return CLOCK.now

    def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """Counts the loop as at work from now on."""
        CLOCK.wake(self._own_selector)
        try:
            return super().call_soon_threadsafe(*args, **kwargs)
        finally:
            CLOCK.wake(self._own_selector)


def install() -> None:
    """Has all loops of this process go by the clock, and counts the jobs of its pools."""
    from asgiref import current_thread_executor as asgiref

    policy: Any = asyncio.unix_events._UnixDefaultEventLoopPolicy
    policy._loop_factory = Loop
    # Which thread of a pool gets a job is chance, and so is what its last job has set there.
    _count_jobs(concurrent.futures.thread._WorkItem, lambda run: Context().run(run))
    _count_jobs(asgiref._WorkItem, lambda run: run())
    _count_waiting(asgiref.CurrentThreadExecutor)


def _count_jobs(item: Any, perform: Callable[[Callable[[], None]], None]) -> None:
    """Counts a pool's jobs as at work, from when they are submitted until they have ended."""
    made, run = item.__init__, item.run

    def counted_init(self: Any, *args: Any, **kwargs: Any) -> None:
        CLOCK.started()
        made(self, *args, **kwargs)

    def counted_run(self: Any) -> None:
        # A kept traceback keeps this frame, which must not keep the job.
        jobs = [self]
        del self
        try:
            perform(lambda: run(jobs.pop()))
        finally:
            CLOCK.finished()

    item.__init__, item.run = counted_init, counted_run


def _count_waiting(pool: Any) -> None:
    """Counts a thread that works for others while it waits for them as at rest."""
    until = pool.run_until_future

    def waiting(self: Any, *args: Any, **kwargs: Any) -> Any:
        with CLOCK.blocked():
            return until(self, *args, **kwargs)

    pool.run_until_future = waiting
