"""Holds what MLflow's store has against what the clients got.

Reads the table of spans of MLflow's SQL store itself: that is the query that `docs/production.md`
recommends, and for thousands of traces the client takes minutes.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service.sent import ANSWERED, FAILED, HUNG_UP, Sent

# What a worker had recorded and not sent when it was killed is lost, with what it answered last: on
# two cores that are all busy, spans wait for some seconds.
LOST_WITH_WORKER_SECONDS = 15.0


@dataclass(frozen=True)
class Span:
    """A span as the store has it.

    Attributes:
        trace: Its trace.
        id: Its id.
        parent: The id of its parent; empty for a root.
        name: Its name.
        tenants: Every tenant that it names, in its attributes.
    """

    trace: str
    id: str
    parent: str
    name: str
    tenants: frozenset[str]


@dataclass
class Verdict:
    """What was found.

    Attributes:
        requests: How many requests there were.
        answered: How many were answered whole.
        hung_up: How many clients hung up.
        failed: How many got no answer, as their worker was killed.
        wrong: Answers that were not the tenant's own.
        excused: Requests whose spans may be lost with the worker.
        traces: How many traces the store has.
        orphans: Spans that should be below another and are roots, or whose parent is not there.
        scattered: Tenants whose spans are in more than one trace, or in none.
        foreign: Spans on which a tenant sees another one, or none.
        misplaced: Requests whose tree is not that of the endpoint's others.
        p50: The median time of an answer, in seconds.
        p99: Its 99th percentile, in seconds.
    """

    requests: int
    answered: int
    hung_up: int
    failed: int
    wrong: list[str]
    excused: int = 0
    traces: int = 0
    orphans: Counter[str] = field(default_factory=Counter)
    scattered: list[str] = field(default_factory=list)
    foreign: Counter[str] = field(default_factory=Counter)
    misplaced: list[str] = field(default_factory=list)
    p50: float = 0.0
    p99: float = 0.0

    @property
    def faults(self) -> int:
        """How much is not as it should be."""
        return (
            len(self.wrong)
            + self.orphans.total()
            + len(self.scattered)
            + self.foreign.total()
            + len(self.misplaced)
        )


def read_spans(store: Path) -> list[Span]:
    """Every span of MLflow's store."""
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT trace_id, span_id, parent_span_id, name, content FROM spans"
        )
        return [
            Span(trace, id_, parent or "", name, _tenants(content))
            for trace, id_, parent, name, content in rows
        ]


def watch(store: Path, since: int = 0) -> int:
    """How many orphans the query for production finds in a store.

    Args:
        store: MLflow's SQLite file.
        since: From when on, in nanoseconds since the epoch.
    """
    query = Path(__file__).with_name("orphans.sql").read_text(encoding="utf-8")
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        return sum(count for _, count in connection.execute(query, {"since": since}))


def _tenants(content: str) -> frozenset[str]:
    """The tenants that a span names: that of the baggage, and that of the ContextVar."""
    attributes = json.loads(content).get("attributes", {})
    noted = [attributes[key] for key in ("tenant", "tenant.variable") if key in attributes]
    return frozenset(str(value).strip('"') for value in noted)


def judge(sent: Sequence[Sent], spans: Iterable[Span], killed: tuple[int, float]) -> Verdict:
    """Hold the store against what the clients got.

    Args:
        sent: The requests.
        spans: The spans of the store.
        killed: The worker that was killed, and when.
    """
    outcomes = Counter(each.outcome for each in sent)
    known = (ANSWERED, HUNG_UP, FAILED)
    verdict = Verdict(
        requests=len(sent),
        answered=outcomes[ANSWERED],
        hung_up=outcomes[HUNG_UP],
        failed=outcomes[FAILED],
        wrong=[f"{each.tenant}: {each.outcome}" for each in sent if each.outcome not in known],
    )
    times = sorted(each.seconds for each in sent if each.outcome == ANSWERED)
    if times:
        verdict.p50, verdict.p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    by_trace = defaultdict(list)
    for span in spans:
        by_trace[span.trace].append(span)
    verdict.traces = len(by_trace)
    excused = {each.tenant for each in sent if _excused(each, killed)}
    verdict.excused = len(excused)
    _judge_traces(verdict, by_trace, excused)
    _judge_requests(verdict, [each for each in sent if each.tenant not in excused], by_trace)
    return verdict


def _excused(each: Sent, killed: tuple[int, float]) -> bool:
    worker, when = killed
    ours = each.worker in (worker, 0)
    return each.outcome == FAILED or (ours and each.ended > when - LOST_WITH_WORKER_SECONDS)


def _judge_traces(verdict: Verdict, by_trace: dict[str, list[Span]], excused: set[str]) -> None:
    for members in by_trace.values():
        tenants = {tenant for span in members for tenant in span.tenants}
        if tenants & excused:
            continue
        ids = {span.id for span in members}
        for span in members:
            root = not span.parent
            if (root and not span.name.startswith("POST /")) or (
                not root and span.parent not in ids
            ):
                verdict.orphans[span.name] += 1
            if len(span.tenants) != 1 or span.tenants != tenants or "" in tenants:
                verdict.foreign[span.name] += 1


def _judge_requests(
    verdict: Verdict, sent: Sequence[Sent], by_trace: dict[str, list[Span]]
) -> None:
    traces = defaultdict(set)
    for trace, members in by_trace.items():
        for span in members:
            for tenant in span.tenants:
                traces[tenant].add(trace)
    trees = defaultdict(list)
    for each in sent:
        if each.outcome in (ANSWERED, HUNG_UP):
            own = f"tr-{each.trace}"
            if traces[each.tenant] != {own}:
                verdict.scattered.append(
                    f"{each.endpoint} {each.tenant}: {len(traces[each.tenant])}"
                )
            elif each.outcome == ANSWERED:
                trees[each.endpoint].append((each.tenant, tree(by_trace[own])))
    for endpoint, found in trees.items():
        usual, _ = Counter(shape for _, shape in found).most_common(1)[0]
        verdict.misplaced += [
            f"{endpoint} {tenant}: {shape}, usually {usual}"
            for tenant, shape in found
            if shape != usual
        ]


def tree(members: Sequence[Span]) -> str:
    """A trace as text, the same for all traces of the same shape."""
    below: defaultdict[str, list[Span]] = defaultdict(list)
    for span in members:
        below[span.parent].append(span)

    def shown(span: Span) -> str:
        inner = sorted(shown(child) for child in below[span.id])
        return span.name + (f"({', '.join(inner)})" if inner else "")

    return ", ".join(sorted(shown(span) for span in below[""]))
