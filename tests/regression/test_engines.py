"""A LlamaIndex engine that several users share gives each of them their own answer."""

import pytest

from .patches import Patch, repaired_by

pytest.importorskip("guardrails.integrations.llama_index", reason="0.6.0 has no such engines")

from .engines import ENGINES, OWN, answers

pytestmark = repaired_by(Patch.ENGINES)


@pytest.mark.parametrize("kind", ENGINES)
def test_each_user_gets_their_own_answer(kind: str) -> None:
    assert answers(kind) == OWN
