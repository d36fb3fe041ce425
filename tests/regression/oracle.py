"""The invariant, as a judge: what was exported, what was seen, and what came back."""

from collections.abc import Sequence
from dataclasses import replace

from .spans import Node, Span, draw_expected, draw_seen, expected_paths, outlasting, seen_paths
from .stage import NAME, SECRET, VALUE, Sight, Stage


def judge(stage: Stage, tree: Node, around: dict[str, str]) -> None:
    """Fails, with everything that is wrong and both trees, unless the invariant held."""
    spans = stage.tracing.finished()
    faults = [*tree_faults(tree, spans), *sight_faults(stage, around), *return_faults(stage)]
    assert not faults, report(faults, tree, spans)


def judge_tree(tree: Node, spans: Sequence[Span]) -> None:
    """Fails unless the spans that were exported make exactly this tree."""
    faults = tree_faults(tree, spans)
    assert not faults, report(faults, tree, spans)


def tree_faults(tree: Node, spans: Sequence[Span]) -> list[str]:
    """Paths that are missing or too many, traces too many, children that outlast parents."""
    expected, seen = expected_paths(tree), seen_paths(spans)
    faults = [f"missing: {' > '.join(path)}" for path in (expected - seen).elements()]
    faults += [f"too much: {' > '.join(path)}" for path in (seen - expected).elements()]
    traces = {span.trace for span in spans}
    if len(traces) != 1:
        faults.append(f"{len(traces)} traces instead of one")
    faults += [f"{s.name} is not within the time of {p.name}" for s, p in outlasting(spans)]
    return faults


def sight_faults(stage: Stage, around: dict[str, str]) -> list[str]:
    """Roles that did not act once, or that saw something else than the caller's context."""
    acted = sorted(role for role, _ in stage.sights)
    faults = [] if acted == sorted(around) else [f"acted: {acted}, expected {sorted(around)}"]
    for role, sight in stage.sights:
        should = Sight(VALUE, VALUE, NAME, SECRET, around.get(role))
        faults += differences(role, should, sight)
    return faults


def return_faults(stage: Stage) -> list[str]:
    """What the caller sees after the call that it did not see before."""
    if stage.before is None or stage.after is None:
        return ["the call did not return"]
    faults = differences("the caller, afterwards,", stage.before, stage.after)
    return faults + [f"the secret is still in {name}" for name in stage.secrets]


def differences(who: str, should: Sight, sight: Sight) -> list[str]:
    """What someone saw that is not as it should be."""
    faults = []
    for name, wanted in vars(should).items():
        got = getattr(sight, name)
        if got != wanted:
            faults.append(f"{who} saw {name} {got!r} instead of {wanted!r}")
    return faults


def without_span(sight: Sight) -> Sight:
    """A sight without the current span, where no backend records any."""
    return replace(sight, span=None)


def report(faults: list[str], tree: Node, spans: Sequence[Span]) -> str:
    """The faults, and both trees, to be read by a person."""
    parts = [
        "the invariant is broken",
        *(f"  - {fault}" for fault in faults),
        "expected",
        *(f"  {line}" for line in draw_expected(tree)),
        "seen",
        *(f"  {line}" for line in draw_seen(spans, tree.name)),
    ]
    return "\n".join(parts)
