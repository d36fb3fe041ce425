from demo.spans import Span, forest, orphans, paths


def made(trace: str, number: int, parent: str | None, name: str) -> Span:
    return Span(trace, str(number), parent, name, start=number, end=number + 1)


CALLER = made("t", 1, None, "caller")
GUARD = made("t", 2, "1", "guard")
STEP = made("t", 3, "2", "step")
OTHER = made("t", 4, "1", "other")


def test_a_whole_trace_is_one_tree_in_order_of_start() -> None:
    (tree,) = forest([CALLER, GUARD, STEP, OTHER], "1")

    assert tree.span is CALLER
    assert not tree.orphan
    assert [child.span for child in tree.children] == [GUARD, OTHER]
    assert [child.span for child in tree.children[0].children] == [STEP]


def test_a_root_beside_the_callers_is_an_orphan_with_what_hangs_under_it() -> None:
    lonely, below = made("u", 5, None, "lonely"), made("u", 6, "5", "below")

    assert orphans([CALLER, lonely, below], "1") == [lonely]
    assert [child.span for child in forest([CALLER, lonely, below], "1")[1].children] == [below]


def test_a_span_whose_parent_was_never_exported_is_an_orphan() -> None:
    assert orphans([CALLER, STEP], "1") == [STEP]


def test_a_span_whose_parent_is_in_another_trace_is_an_orphan() -> None:
    astray = made("u", 7, "1", "astray")

    assert orphans([CALLER, astray], "1") == [astray]
    assert paths([CALLER, astray]) == ["astray", "caller"]


def test_without_the_callers_span_every_root_is_an_orphan() -> None:
    assert orphans([GUARD, STEP], "1") == [GUARD]


def test_paths_tell_the_way_from_the_root_and_count_doubles() -> None:
    twin = made("t", 8, "1", "guard")

    assert paths([CALLER, GUARD, STEP, twin]) == [
        "caller",
        "caller > guard",
        "caller > guard",
        "caller > guard > step",
    ]


def test_no_spans_make_no_tree() -> None:
    assert forest([], "1") == []
    assert paths([]) == []
