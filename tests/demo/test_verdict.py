from typing import Any

import pytest

import made
from demo.subjects import Subject
from demo.verdict import WHOLE, failures
from made import PATCHED, PUBLISHED, call, result, with_orphan


def test_a_whole_patched_tree_and_an_orphaned_published_one_are_as_they_should_be() -> None:
    assert failures([result(PUBLISHED, with_orphan()), result(PATCHED, call())]) == []


def test_a_published_tree_without_orphans_is_a_failure_of_the_demo() -> None:
    (failure,) = failures([result(PUBLISHED, call())])

    assert failure.startswith("9.9.9 as published: shows no orphan span")


@pytest.mark.parametrize("subject", [PUBLISHED, PATCHED])
def test_a_subject_that_was_never_called_is_a_failure(subject: Subject) -> None:
    assert "was never called" in failures([result(subject)])[0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seen": made.seen(lost=1)}, "LLM callable lost the ContextVar"),
        ({"seen": made.seen()[:-1]}, "11 looks for variables instead of 12"),
        ({"left": ["call_kwargs"]}, "left the API key behind in call_kwargs"),
        ({"spans": made.spans(WHOLE[:-1])}, f"{WHOLE[-1]}: 0 instead of 1"),
    ],
)
def test_a_patched_tree_must_keep_everything(changes: dict[str, Any], told: str) -> None:
    (failure,) = failures([result(PATCHED, call(**changes))])

    assert failure.startswith("9.9.9 patched, Guard: ")
    assert told in failure


def test_a_patched_trees_orphan_is_named() -> None:
    assert failures([result(PATCHED, with_orphan())]) == [
        "9.9.9 patched, Guard: orphan spans: lonely"
    ]


def test_a_doubled_span_is_told_with_its_place() -> None:
    whole = call()
    twin = {**whole["spans"][-1], "id": "twin"}
    (failure,) = failures([result(PATCHED, {**whole, "spans": [*whole["spans"], twin]})])

    assert "2 instead of 1" in failure
