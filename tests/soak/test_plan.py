"""The calls that a seed stands for."""

from soak.plan import ENDS, KINDS, MODES, ON_FAIL, draw

PLANS = [draw(number, 1) for number in range(2000)]


def test_a_seed_draws_the_same_calls_again():
    assert [draw(number, 1) for number in range(2000)] == PLANS
    assert [draw(number, 2) for number in range(2000)] != PLANS


def test_each_call_has_a_user_of_its_own():
    assert len({plan.user for plan in PLANS}) == len(PLANS)


def test_everything_is_drawn():
    assert {plan.mode for plan in PLANS} == set(MODES)
    assert {plan.end for plan in PLANS} == set(ENDS)
    assert {plan.on_fail for plan in PLANS} == set(ON_FAIL)
    assert {kind for plan in PLANS for kind in plan.kinds} == set(KINDS)
    assert {plan.shared for plan in PLANS} == {plan.fails for plan in PLANS} == {True, False}


def test_only_what_can_be_is_drawn():
    for plan in PLANS:
        assert plan.streams or plan.end not in ("left", "abandoned")
        assert plan.on_loop or plan.end != "cancelled"
