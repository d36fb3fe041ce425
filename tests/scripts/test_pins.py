"""A release's pinned requirements are found from the names of files alone."""

import pytest

from scripts import lock, pins


def test_every_file_of_a_release_is_found_oldest_first() -> None:
    found = pins.releases()
    assert found == tuple(sorted(found, key=lock.order))
    assert all((pins.FOLDER / f"{release}.txt").exists() for release in found)
    assert "0.10.2" in found


@pytest.mark.parametrize(
    ("release", "serving"),
    [("0.6.0", "0.6.0"), ("0.6.2", "0.6.8"), ("0.10.0", "0.10.2")],
)
def test_the_next_newer_pins_serve_a_release(release: str, serving: str) -> None:
    assert pins.of(release) == serving


def test_a_release_newer_than_all_pins_is_tried_with_the_newest() -> None:
    assert pins.of("99.0.0") == pins.releases()[-1]
