"""A new line, started as CONTRIBUTING says: from no patches, with the old line's merged in."""

from __future__ import annotations

import subprocess

import pytest
from checkout import BODY, Checkout


@pytest.fixture
def started(checkout: Checkout) -> Checkout:
    """Two rows above the first patch's 3.0.0 has another one: no context, but it merges."""
    rows = "\n".join(BODY).replace(BODY[7], "step_8 = eight") + "\n"
    checkout.publish("3.0.0", {"guardrails/run.py": rows})
    refused = checkout.run("lock", "--release", "3.0.0")
    assert "does not apply to 3.0.0: guardrails/run.py: hunk 1" in refused.err
    checkout.start_line("3.0.0")
    assert checkout.run("lock", "--release", "3.0.0").code == 0
    return checkout


def am(checkout: Checkout) -> None:
    checkout.git("3.0.0", "am", "-q", "-3", *map(str, checkout.patches("2.0.0")))


def test_the_old_lines_patches_are_merged_into_an_empty_one(started: Checkout) -> None:
    assert started.run("apply-patches", "--allow-empty").code == 0
    started.git("3.0.0", "fetch", "-q", "../2.0.0", "context")
    am(started)
    result = started.run("refresh-patches", "--release", "3.0.0")
    assert (result.code, result.err) == (0, "")
    assert result.out == "3.0.0: 2 patches, trees rebuilt: 3.0.0\n"
    names = [path.name for path in started.patches("2.0.0")]
    assert [path.name for path in started.patches("3.0.0")] == names
    assert started.run("apply-patches").out.count("up to date") == 4
    assert started.run("check-patches").err == ""


def test_without_the_old_lines_files_there_is_nothing_to_merge_with(started: Checkout) -> None:
    assert started.run("apply-patches", "--release", "3.0.0", "--allow-empty").code == 0
    with pytest.raises(subprocess.CalledProcessError) as stopped:
        am(started)
    assert "lacks necessary blobs" in stopped.value.stderr


def test_without_leave_an_empty_line_is_refused_and_the_way_is_told(started: Checkout) -> None:
    result = started.run("apply-patches")
    assert result.code == 1
    assert len(result.errors) == 1
    assert "patches/3.0.0/series: lists no patch" in result.err
    assert "`make apply-patches EMPTY=1`" in result.err
    assert not started.tree("3.0.0").exists()
