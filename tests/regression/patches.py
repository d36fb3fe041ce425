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

    VALIDATORS = 1
    MLFLOW = 2
    ENGINES = 3
    LOG_SCOPE = 4
    DESCRIBED = 5
    REDACTED = 6
    LOOPS = 7
    SIBLINGS = 8
    GUARD = 9
    STREAMS = 10
    MLFLOW_STREAMS = 11
    INSTRUMENTOR = 12
    ATTRIBUTES = 13
    CHUNKS = 14
    GUARD_SPANS = 15
    OPTIONS = 16
    RECORDED = 17
    SECRETS = 18
    HUB_TELEMETRY = 19


def repaired_by(patch: Patch) -> pytest.MarkDecorator:
    """The mark of a test that fails until `patch` is applied."""
    return pytest.mark.repaired_by(Patch(patch))


def unchanged_by(patch: Patch) -> pytest.MarkDecorator:
    """The mark of a test of what users have without `patch`, and must have with it."""
    return pytest.mark.unchanged_by(Patch(patch))


# A test that repeats one situation many times, or in processes of its own.
broad = pytest.mark.broad
