"""When memory, threads and open files count as flat."""

import pytest

from soak.meter import Sample, judge, slope

BATCH = 200


def samples(memory, threads=8, files=9):
    return [Sample(each, threads, files) for each in memory]


def test_what_stays_as_it_is_holds():
    assert all(flat.holds for flat in judge(samples([400.0] * 100), BATCH).values())


def test_what_grows_while_warming_up_holds():
    warming = [300.0 + 5 * n for n in range(20)]
    assert judge(samples([*warming, *[400.0] * 80]), BATCH)["memory"].holds


def test_one_odd_batch_is_no_growth():
    memory = [400.0] * 100
    memory[95] = 900.0
    assert judge(samples(memory), BATCH)["memory"].holds


def test_a_kilobyte_a_call_is_growth():
    memory = [400 + n * BATCH / 1024 for n in range(100)]
    assert not judge(samples(memory), BATCH)["memory"].holds
    assert slope(samples(memory), BATCH) == pytest.approx(1024)


@pytest.mark.parametrize("figure", ["threads", "files"])
def test_a_file_or_a_thread_a_batch_is_growth(figure):
    grown = [each._replace(**{figure: n}) for n, each in enumerate(samples([400.0] * 100))]
    assert not judge(grown, BATCH)[figure].holds


def test_a_run_of_one_batch_is_judged():
    assert all(flat.holds for flat in judge(samples([400.0]), BATCH).values())
    assert slope(samples([400.0]), BATCH) == 0


def test_memory_of_a_short_run_is_not_judged():
    memory = judge(samples([400.0 + 5 * n for n in range(10)]), BATCH)["memory"]
    assert memory.holds
    assert "too few calls" in str(memory)
