"""The parity test's own machinery, with trees that are made up."""

from __future__ import annotations

import queue
import threading
from typing import Any

import pytest

from tests.parity.clock import Clock
from tests.parity.compare import NOTHING, Difference, differences
from tests.parity.hunt import Hunt, made
from tests.parity.known import KINDS
from tests.parity.pair import PLAYS, Players
from tests.parity.program import Call, Check, Program, shown
from tests.parity.simplify import simplified
from tests.parity.table import TABLE, Case, allowed


def _seen(*log, **more):
    return {"log": list(log), **more}


class MadeUp(Players):
    """Trees that differ where a validator sleeps, or in some plays only.

    Args:
        published: At which plays the published one does what the patched one does.
        patched: At which plays the patched one does what the published one does.
    """

    def __init__(self, *, published=(), patched=()):
        self.published, self.patched, self.played = published, patched, 0

    def observe(self, program):
        published = self.again(program)
        sleeps = any("sleep 3" in check.does for check in program.checks)
        late = sleeps and self.played not in self.patched
        return published, _seen((0.0, "0/caller", "met late" if late else "got it"))

    def again(self, program):
        self.played += 1
        return _seen((0.0, "0/caller", "met late" if self.played in self.published else "got it"))


DIFFERS = Program(
    host="asyncio",
    checks=(Check(on_fail="fix"), Check(does=("set a", "sleep 3", "sleep 1"))),
    calls=(Call(), Call(before=("set a",))),
)


def test_a_difference_is_told_with_the_smallest_program_and_how_to_replay_it():
    report = Hunt(MadeUp()).look_at(DIFFERS)
    assert report.splitlines() == [
        "Guard of a string, called in main, tracing off",
        "  validator 0: how sync, verdict pass, does [sleep 3]",
        "  call 0: kind validate",
        '  to replay it: --replay \'{"checks": [{"does": ["sleep 3"]}]}\'',
        "0/caller",
        "    published: got it",
        "    patched:   met late",
    ]


def test_a_kind_of_difference_is_told_once():
    hunt = Hunt(MadeUp())
    assert [bool(hunt.look_at(program)) for program in (DIFFERS, DIFFERS, Program())] == [
        True,
        False,
        False,
    ]
    assert (hunt.played, hunt.differing) == (3, 2)


LATER_PLAYS = range(2, PLAYS + 2)


def test_what_both_trees_do_by_chance_is_no_difference():
    assert not Hunt(MadeUp(published=LATER_PLAYS[-1:])).look_at(DIFFERS)
    assert not Hunt(MadeUp(patched=LATER_PLAYS)).look_at(DIFFERS)


def test_what_the_patched_tree_does_once_and_the_published_one_never_is_told():
    report = Hunt(MadeUp(patched=LATER_PLAYS[:-1])).look_at(DIFFERS)
    assert "patched:   met late" in report


def test_who_noted_what_and_when_is_compared():
    one = _seen((0.0, "0/v0", "judges"), (1.0, "0/caller", "met X"))
    other = _seen((0.0, "0/v0", "judges"), (4.0, "0/caller", "met X"))
    assert differences(one, one) == []
    assert differences(one, other) == [
        Difference("0/caller, when", "after 1.0 s: met X", "after 4.0 s: met X")
    ]


def test_the_order_is_compared_where_all_did_the_same():
    one = _seen((0.001, "0/caller", "met X"), (0.002, "0/v1", "judges"))
    other = _seen((0.003, "0/caller", "met X"), (0.002, "0/v1", "judges"))
    assert [each.where for each in differences(one, other)] == ["order"]


def test_what_somebody_sees_is_compared_with_what_he_sees_there():
    one = _seen(*((0.0, "0/v0", what) for what in ("sees a: unset", "woke", "sees a: unset")))
    other = _seen(*((0.0, "0/v0", what) for what in ("sees a: x", "woke", "sees a: unset")))
    assert differences(one, other) == [Difference("0/v0", "sees a: unset", "sees a: x")]


def test_what_is_alive_is_compared_one_by_one():
    assert differences(_seen(alive=["a", "b"]), _seen(alive=["b", "c"])) == [
        Difference("alive", "a", NOTHING),
        Difference("alive", NOTHING, "c"),
    ]


def _allowed(program, difference):
    case = Case(program, difference, _seen(), _seen())
    return [entry and entry.name for _, entry in allowed([case])]


@pytest.mark.parametrize(
    ("where", "patched", "name"),
    [
        ("0/v0", "sees a: set by 0/caller", "whoever is called sees what the caller has set"),
        ("0/v0", "sees a: set by 1/caller", None),
        ("0/v0", "sees a: set by 0/v1", None),
        ("0/caller", "sees a: set by 0/caller", None),
    ],
)
def test_the_table_allows_to_see_the_callers_own_variables_only(where, patched, name):
    assert _allowed(Program(), Difference(where, "sees a: unset", patched)) == [name]


def test_the_table_does_not_allow_what_it_does_not_name():
    assert _allowed(Program(), Difference("0/caller", "got it", "met X")) == [None]
    assert _allowed(Program(), Difference("alive", NOTHING, "0/request")) == [None]


def test_entries_and_kinds_have_names_of_their_own():
    for named in (TABLE, KINDS):
        assert len({each.name for each in named}) == len(named)


def test_a_program_is_the_same_when_it_is_read_again():
    programs = [*made(100, 1), *(entry.needed_by for entry in TABLE)]
    assert [Program.loaded(program.dumped()) for program in programs] == programs
    assert Program().dumped() == "{}"


def test_programs_of_a_seed_are_the_same_again():
    assert [*made(40, 7)] == [*made(40, 7)]
    assert [*made(40, 7)] != [*made(40, 8)]


def test_a_program_is_shown_in_a_few_lines():
    assert shown(Program(sub="retries", calls=(Call(before=("set a",)), Call()))).splitlines() == [
        "Guard (retries) of a string, called in main, tracing off",
        "  validator 0: how sync, verdict pass",
        "  call 0: kind validate, before [set a]",
        "  call 1: kind validate",
        "  the calls are made in turns",
    ]


def test_a_program_is_made_as_small_as_the_number_of_tries_allows():
    tried = []

    def shows(program):
        tried.append(program)
        return True

    assert simplified(DIFFERS, shows, most=3) != DIFFERS
    assert len(tried) == 3


# --- the clock -----------------------------------------------------------------------------


def test_the_clock_jumps_to_whoever_wakes_first():
    clock, woke = Clock(), []

    def sleep(seconds):
        clock.sleep(seconds)
        woke.append((seconds, clock.now))
        clock.finished()

    threads = [threading.Thread(target=sleep, args=(seconds,)) for seconds in (3000, 1000, 2000)]
    for thread in threads:
        clock.started()
        thread.start()
    clock.finished()
    for thread in threads:
        thread.join(20)
    assert woke == [(1000, 1000), (2000, 2000), (3000, 3000)]


def test_whoever_waits_in_vain_is_let_go():
    assert Clock().wait_in_thread(lambda let_go: None) is False


def test_whoever_waits_goes_on_when_the_sign_comes():
    clock = Clock()
    expected: queue.SimpleQueue[Any] = queue.SimpleQueue()
    clock.started()

    def give():
        clock.sleep(5)
        expected.get(timeout=20)(True)
        clock.finished()

    thread = threading.Thread(target=give)
    thread.start()
    assert clock.wait_in_thread(expected.put) is True
    thread.join(20)
    assert clock.now == 5
