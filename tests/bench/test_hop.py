"""How contenders take turns."""

from collections import Counter
from contextlib import contextmanager
from contextvars import copy_context

import pytest

from bench.hop import GATHERED, REPEATED, Turn, in_turns

TURNS = [Turn(0, "a"), Turn(0, "b"), Turn(7, "a")]
ROUNDS = 3


@pytest.fixture
def noted():
    """Which turns there were, in order, and the hops and ContextVars of each."""
    return {"turns": [], "hops": Counter(), "variables": {}}


@pytest.fixture
def played(noted):
    """Plays all rounds of a shape; returns what was measured."""

    def contender(turn):
        @contextmanager
        def installed():
            noted["turns"].append(turn)
            noted["variables"][turn] = len(copy_context())

            async def hop():
                noted["hops"][turn] += 1

            yield hop

        return installed

    return lambda shape: in_turns({t: contender(t) for t in TURNS}, shape, "asyncio", ROUNDS)


def test_each_round_measures_everybody_and_every_other_one_the_other_way_round(played, noted):
    figures = played("sequential")
    assert {turn: len(values) for turn, values in figures.items()} == dict.fromkeys(TURNS, ROUNDS)
    warming, *rounds = zip(*[iter(noted["turns"])] * len(TURNS), strict=True)
    assert [list(each) for each in rounds] == [TURNS[::-1], TURNS, TURNS[::-1]]
    assert list(warming) == TURNS


@pytest.mark.parametrize(("shape", "hops"), [("sequential", 1), ("gather", GATHERED)])
def test_a_value_is_of_many_hops(played, noted, shape, hops):
    played(shape)
    # One more each time, before the clock starts, and a round that does not count.
    made = (ROUNDS + 1) * (REPEATED[shape] + 1) * hops
    assert noted["hops"] == dict.fromkeys(TURNS, made)


def test_a_caller_has_as_many_variables_as_are_asked_for(played, noted):
    played("sequential")
    few, _, many = (noted["variables"][turn] for turn in TURNS)
    assert many - few == 7
