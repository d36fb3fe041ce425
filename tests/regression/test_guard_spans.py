"""A Guard that several users share records each call on that call's own span."""

import pytest

from .patches import Patch, repaired_by
from .shared import TRACING, faults_of_guard_spans


@repaired_by(Patch.GUARD_SPANS)
@pytest.mark.parametrize("tracing", TRACING)
@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
def test_each_users_question_is_on_its_own_guard_span(kind: str, tracing: str) -> None:
    assert faults_of_guard_spans(kind, tracing) == []
