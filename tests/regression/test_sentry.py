"""Sentry's scopes are changed in place, and its default integrations fork them for each thread."""

from pathlib import Path

import pytest

from .patches import Patch, broad, repaired_by, unchanged_by
from .tracked import NAMES, tracked

pytestmark = broad
pytest.importorskip("sentry_sdk")


@pytest.mark.parametrize("loops", [False, True], ids=["default", "asyncio"])
@unchanged_by(Patch.VALIDATORS)
def test_validators_of_an_async_guard_have_scopes_of_their_own(loops: bool, tmp_path: Path) -> None:
    seen = tracked("AsyncGuard", loops, tmp_path)
    assert [seen[name][1] for name in NAMES] == list(NAMES)
    # With the integration each validator's task has a span, too.
    assert {seen[name][0] for name in NAMES}.isdisjoint({None, *NAMES})
    if not loops:
        assert [seen[name][0] for name in NAMES] == ["call", "call"]


@repaired_by(Patch.GUARD)
def test_validators_of_a_guard_have_scopes_of_their_own(tmp_path: Path) -> None:
    seen = tracked("Guard", False, tmp_path)
    assert seen == {name: ["call", name] for name in NAMES}
