"""Which figures clear their bars."""

import json

import pytest

from bench.bars import bars
from bench.case import Case
from bench.peers import OURS, PEERS
from measured import compared, hops, kept, stream


@pytest.fixture
def written(tmp_path):
    """Writes results of a topic; returns the bars."""

    def write(topic="none", results=(), cells=()):
        (tmp_path / f"{topic}.json").write_text(json.dumps(list(results)))
        return {bar.name: bar for bar in bars(tmp_path, dict(cells))}

    return write


def test_what_was_not_measured_has_no_bar(written):
    assert written() == {}


@pytest.mark.parametrize(("patched", "held"), [(0.60, 1), (0.61, 0)])
def test_a_guard_that_nobody_traces_is_held_to_three_fifths(written, patched, held):
    found = written("guards", [compared(Case(), patched=patched)])
    assert found["CPU of a whole Guard, tracing off, to published"].held == held


def test_the_worst_guard_is_named(written):
    cases = [compared(Case(), patched=0.5), compared(Case(validators=4), patched=0.7)]
    bar = written("guards", cases)["CPU of a whole Guard, tracing off, to published"]
    assert (bar.held, bar.cases, bar.worst) == (1, 2, "0.70 (Guard, 4 validators)")


def test_guards_that_show_how_it_grows_are_held_to_no_bar_of_their_own(written):
    assert written("guards", [compared(Case(at_once=32), patched=2.0)]) == {}


def test_a_guard_may_not_grow_with_ambient_variables(written):
    cases = [compared(Case(variables=1000), published=1.0, patched=1.2)]
    bar = written("growth", cases)["CPU of a whole Guard with ambient variables, to none"]
    assert (bar.held, bar.worst) == (0, "1.20 (tracing off, Guard, 1 validator, 1,000 variables)")


def test_guards_with_uvloop_are_held_to_the_same_bar(written):
    found = written("guards-uvloop", [compared(Case(uvloop=True), patched=0.7)])
    assert found["CPU of a whole Guard, tracing off, to published"].held == 0


def test_streams_under_mlflow_are_not_compared_with_published_ones(written):
    assert written("streams", [stream("mlflow", patched=9.0)]) == {}
    assert written("streams", [stream(patched=1.1)])["a stream's chunk, to published"].held == 0


@pytest.mark.parametrize("what", ["files", "threads"])
def test_no_file_and_no_thread_may_stay(written, what):
    assert written("keeping-patched", [kept(**{what: 3})])[f"more {_named(what)}"].held == 0


def _named(what):
    return {"files": "open files", "threads": "threads"}[what]


@pytest.mark.parametrize(("calls", "judged"), [(10_000, True), (2_000, False)])
def test_memory_is_judged_by_many_calls_only(written, calls, judged):
    found = written("keeping-patched", [kept(calls=calls, bytes=101)])
    assert ("bytes kept a call" in found) is judged
    assert not judged or found["bytes kept a call"].held == 0


def test_a_hop_is_compared_with_the_bare_one_and_with_every_peer(written):
    found = written(cells=hops(ours=1.1, peers=1.0))
    assert found["our hop, to the bare one"].held == 0
    assert found["our hop, 1,000 ambient variables to none"].held == 1
    peers = found["our hop, to every peer that carries context"]
    assert (peers.held, peers.cases) == (0, 2 * len(PEERS))


def test_a_hop_may_not_grow_with_ambient_variables(written):
    cells = hops()
    grown = {
        c: [f * (1 + (c.variables == 1000 and c.name == OURS)) for f in v] for c, v in cells.items()
    }
    assert written(cells=grown)["our hop, 1,000 ambient variables to none"].held == 0
