"""The patches of the series, as tests name them.

`repaired_by` states that a test fails until a patch is applied and passes from then on.
`unchanged_by` states that a test passes on the published release, and that a patch which comes
near it leaves it so. The control session holds every test to its word: on a tree with the
patches before it the former must fail, and the latter pass.
"""

from enum import IntEnum

import pytest


class Patch(IntEnum):
    """A patch's number in the series, which is the same in every release that has it."""

    EXECUTOR = 1
    VALIDATORS = 2
    GUARD = 3
    MLFLOW = 4
    STREAMS = 5
    MLFLOW_STREAMS = 6
    INSTRUMENTOR = 7
    ATTRIBUTES = 8
    LOOPS = 9
    CHUNKS = 10
    LOG_SCOPE = 11
    HUB_TELEMETRY = 12
    SIBLINGS = 13
    GUARD_SPANS = 14
    OPTIONS = 15
    RECORDED = 16
    DESCRIBED = 17
    ENGINES = 18
    REDACTED = 19
    SECRETS = 20


def repaired_by(patch: Patch) -> pytest.MarkDecorator:
    """The mark of a test that fails until `patch` is applied."""
    return pytest.mark.repaired_by(Patch(patch))


def unchanged_by(patch: Patch) -> pytest.MarkDecorator:
    """The mark of a test of what users have without `patch`, and must have with it."""
    return pytest.mark.unchanged_by(Patch(patch))
