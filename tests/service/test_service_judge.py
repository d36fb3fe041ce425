"""What the judge makes of a store and of what the clients got."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest

from service import judge
from service.judge import Span, Verdict
from service.sent import ANSWERED, FAILED, HUNG_UP, Sent

KEYS = ("tenant", "tenant.variable")
NOBODY = (0, float("inf"))


def sent(number: int, outcome: str = ANSWERED, worker: int = 1, ended: float = 0.0) -> Sent:
    return Sent(f"t{number}", "sync", outcome, f"{number}", worker, number / 10, ended)


def span(trace: int, name: str, parent: str = "", tenants: Iterable[str] | None = None) -> Span:
    """A span whose id is its name; a check of ours by its tenant."""
    seen = frozenset([f"t{trace}"] if tenants is None else tenants)
    return Span(f"tr-{trace}", name, parent, name, seen)


def whole(trace: int) -> list[Span]:
    return [span(trace, "POST /sync"), span(trace, "guard", "POST /sync"), check(trace)]


def check(trace: int, *tenants: str) -> Span:
    return span(trace, "check", "guard", tenants or None)


def found(*spans: list[Span], requests: list[Sent] | None = None) -> Verdict:
    return judge.judge(
        requests or [sent(1), sent(2)], [each for some in spans for each in some], NOBODY
    )


def test_whole_traces_have_no_fault() -> None:
    verdict = found(whole(1), whole(2))
    assert verdict.faults == 0
    assert (verdict.traces, verdict.answered, verdict.requests) == (2, 2, 2)
    assert (verdict.p50, verdict.p99) == (0.2, 0.2)


def test_a_root_that_is_no_request_is_an_orphan() -> None:
    verdict = found(whole(1), whole(2), [span(3, "guard", "", ())])
    assert verdict.orphans == {"guard": 1}


def test_a_span_whose_parent_is_nowhere_is_an_orphan() -> None:
    verdict = found(whole(1), [*whole(2), span(2, "ask", "gone")])
    assert verdict.orphans == {"ask": 1}


def test_a_request_in_two_traces_is_scattered() -> None:
    verdict = found(whole(1)[:2], whole(2), [check(3, "t1")])
    assert [each.split(":")[0] for each in verdict.scattered] == ["sync t1"]


def test_a_request_without_a_trace_is_scattered() -> None:
    assert found(whole(1)).scattered == ["sync t2: 0"]


@pytest.mark.parametrize("tenants", [("t2",), ("t1", "t2"), ("",), ("t1", ""), ()])
def test_another_tenant_or_none_on_a_span_is_foreign(tenants: tuple[str, ...]) -> None:
    verdict = found([*whole(1)[:2], span(1, "check", "guard", tenants)], whole(2))
    assert verdict.foreign["check"] == 1


def test_a_span_under_the_wrong_parent_is_misplaced() -> None:
    odd = [*whole(3)[:2], span(3, "check", "POST /sync")]
    verdict = found(whole(1), whole(2), odd, requests=[sent(1), sent(2), sent(3)])
    assert len(verdict.misplaced) == 1
    assert verdict.misplaced[0].startswith("sync t3: POST /sync(check, guard), usually")


def test_whoever_hangs_up_may_have_fewer_spans_but_no_orphans() -> None:
    requests = [sent(1), sent(2, HUNG_UP)]
    assert found(whole(1), whole(2)[:2], requests=requests).faults == 0
    broken = found(whole(1), [*whole(2), span(2, "ask", "gone")], requests=requests)
    assert broken.orphans == {"ask": 1}


def test_a_wrong_answer_is_a_fault() -> None:
    verdict = found(whole(1), whole(2), requests=[sent(1), sent(2, "wrong: 200 t1-1.")])
    assert verdict.wrong == ["t2: wrong: 200 t1-1."]


def test_what_was_lost_with_a_worker_is_excused_and_nothing_else() -> None:
    requests = [
        sent(1, worker=7, ended=100.0),
        sent(2, worker=7, ended=80.0),
        sent(3, worker=8, ended=100.0),
        sent(4, FAILED, worker=0, ended=100.0),
    ]
    verdict = judge.judge(requests, [*whole(2), *whole(3)], (7, 101.0))
    assert (verdict.faults, verdict.excused, verdict.failed) == (0, 2, 1)
    assert judge.judge(requests, whole(3), (7, 101.0)).scattered == ["sync t2: 0"]


def stored(path: Path, spans: list[Span]) -> Path:
    with sqlite3.connect(path) as connection:
        columns = "trace_id, span_id, parent_span_id, name, start_time_unix_nano, content"
        connection.execute(f"CREATE TABLE spans ({columns})")
        for each in spans:
            noted = {
                key: json.dumps(tenant) for key, tenant in zip(KEYS, each.tenants, strict=False)
            }
            row = (each.trace, each.id, each.parent or None, each.name, 5)
            content = json.dumps({"attributes": noted})
            connection.execute("INSERT INTO spans VALUES (?, ?, ?, ?, ?, ?)", (*row, content))
    return path


def test_the_store_is_read_as_it_is(tmp_path: Path) -> None:
    spans = [*whole(1), span(2, "guard", "", ())]
    assert judge.read_spans(stored(tmp_path / "db", spans)) == spans


def test_the_query_for_production_finds_what_the_judge_finds(tmp_path: Path) -> None:
    spans = [*whole(1), span(2, "guard", "", ()), span(1, "ask", "gone"), *whole(3)]
    store = stored(tmp_path / "db", spans)
    assert judge.watch(store) == found(spans).orphans.total() == 2
    assert judge.watch(store, since=5) == 0
