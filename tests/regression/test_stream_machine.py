"""Streams that are read side by side, in any order, from anywhere: none knows of another."""

import gc
from contextlib import ExitStack
from contextvars import copy_context
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
)

from .backends import BACKENDS
from .oracle import report, tree_faults
from .patches import Patch, broad, repaired_by
from .readers import ASYNC_PLACES, CHUNKS, DROPPED, OVER, SYNC_PLACES, Reader, RunningLoop
from .stage import CALLER, LEFT_BEHIND, Stage
from .streaming import Source, complaints

# More streams at once show nothing that these do not.
MOST = 4


class StreamMachine(RuleBasedStateMachine):
    """Opens, advances, closes, drops and collects streams; the invariant holds at any time."""

    sync_streams = Bundle("sync_streams")
    async_streams = Bundle("async_streams")

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Reader] = []
        with ExitStack() as stack:
            self.tracing = stack.enter_context(BACKENDS["opentelemetry"]())
            self.heard = stack.enter_context(complaints())
            self.loop = RunningLoop()
            stack.callback(self.loop.stop)
            self.stack = stack.pop_all()

    def open_streams(self) -> int:
        """How many streams there are that may still be read."""
        return sum(reader.state != OVER for reader in self.readers)

    def _open(self, guard: str, checks: int, hangs_up: bool) -> Reader:
        source = Source(Stage(self.tracing), CHUNKS, fails=hangs_up)
        roles = ("first", "second")[:checks]
        reader = Reader(len(self.readers), guard, roles, source, self.loop)
        self.readers.append(reader)
        reader.open()
        return reader

    @precondition(lambda self: self.open_streams() < MOST)
    @rule(target=sync_streams, checks=st.integers(1, 2), hangs_up=st.booleans())
    def open_sync(self, checks: int, hangs_up: bool) -> Reader:
        """Someone calls a Guard."""
        return self._open("Guard", checks, hangs_up)

    @precondition(lambda self: self.open_streams() < MOST)
    @rule(target=async_streams, checks=st.integers(1, 2), hangs_up=st.booleans())
    def open_async(self, checks: int, hangs_up: bool) -> Reader:
        """Someone calls an AsyncGuard."""
        return self._open("AsyncGuard", checks, hangs_up)

    @rule(reader=sync_streams, place=st.sampled_from(SYNC_PLACES))
    def advance_sync(self, reader: Reader, place: str) -> None:
        """Someone reads on."""
        reader.advance(place)

    @rule(reader=async_streams, place=st.sampled_from(ASYNC_PLACES))
    def advance_async(self, reader: Reader, place: str) -> None:
        """Someone reads on, on the event loop."""
        reader.advance(place)

    @rule(reader=consumes(sync_streams), place=st.sampled_from(SYNC_PLACES))
    def close_sync(self, reader: Reader, place: str) -> None:
        """Someone closes a stream, whether it is over or not."""
        reader.close(place)

    @rule(reader=consumes(async_streams), place=st.sampled_from(ASYNC_PLACES))
    def close_async(self, reader: Reader, place: str) -> None:
        """Someone closes a stream on the event loop."""
        reader.close(place)

    @rule(reader=consumes(sync_streams))
    def drop_sync(self, reader: Reader) -> None:
        """Someone forgets a stream."""
        reader.drop()

    @rule(reader=consumes(async_streams))
    def drop_async(self, reader: Reader) -> None:
        """Someone forgets a stream of an event loop's."""
        reader.drop()

    @precondition(lambda self: any(reader.state == DROPPED for reader in self.readers))
    @rule()
    def collect(self) -> None:
        """What was forgotten is collected, and closed by the event loop where it has one."""
        self._collect()

    def _collect(self) -> None:
        gc.collect()
        self.loop.settle()
        for reader in self.readers:
            if reader.state == DROPPED:
                reader.state = OVER

    @invariant()
    def everyone_sees_what_is_theirs(self) -> None:
        """No stream is where it does not belong, and nobody else notices."""
        spans = self.tracing.finished()
        faults = [fault for reader in self.readers for fault in reader.faults(spans)]
        faults += self._leaks()
        assert not faults, "\n".join(["the invariant is broken", *faults])

    def _leaks(self) -> list[str]:
        leaks = [*self.heard, *self.loop.complaints]
        if self.tracing.current() is not None:
            leaks.append(f"{self.tracing.current()} is left current")
        leaks += [var.name for var in copy_context() if var in (CALLER, LEFT_BEHIND)]
        return leaks

    def teardown(self) -> None:
        """Drops what is still open, and judges every stream's tree."""
        with self.stack:
            for reader in self.readers:
                reader.drop()
            self._collect()
            self.everyone_sees_what_is_theirs()
            for reader in self.readers:
                reader.leave()
            self._judge()

    def _judge(self) -> None:
        spans: list[Any] = self.tracing.finished()
        for reader in self.readers:
            tree, mine = reader.tree(), reader.mine(spans)
            faults = [*tree_faults(tree, mine), *reader.final_faults()]
            assert not faults, report(faults, tree, mine)
            spans = [span for span in spans if span not in mine]
        assert spans == [], "spans of nobody's trace"


TestStreams = StreamMachine.TestCase
TestStreams.settings = settings(max_examples=20, stateful_step_count=20)
setattr(TestStreams, "pytestmark", [repaired_by(Patch.STREAMS), broad])  # noqa: B010 - mypy refuses the plain form
