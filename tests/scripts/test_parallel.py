"""Several things at a time: in order, and none goes on after the end."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
from checkout import Checkout
from regression.waiting import PATIENCE

from scripts import build, fetch, parallel


def test_results_come_in_the_order_of_the_items() -> None:
    second = threading.Event()

    def work(item: int) -> int:
        if item == 1:
            assert second.wait(PATIENCE)
        second.set()
        return -item

    assert parallel.each(work, [1, 2]) == [-1, -2]


def test_the_first_failure_in_that_order_is_told() -> None:
    failed = threading.Event()

    def work(item: int) -> None:
        if item == 1:
            assert failed.wait(PATIENCE)
        failed.set()
        raise ValueError(item)

    with pytest.raises(ValueError, match="1"):
        parallel.each(work, [1, 2])


def test_nothing_is_begun_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_THREADS", 2)
    begun = []
    cancelled = threading.Event()
    cancel = parallel._cancel

    def told(futures: list[Future[None]]) -> None:
        cancel(futures)
        cancelled.set()

    def work(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise ValueError
        assert cancelled.wait(PATIENCE)

    monkeypatch.setattr(parallel, "_cancel", told)
    with pytest.raises(ValueError):
        parallel.each(work, range(9))
    assert len(begun) <= 3


def meet(work: Callable[..., object], parties: int) -> Callable[..., object]:
    barrier = threading.Barrier(parties)

    def together(*arguments: object, **options: object) -> object:
        barrier.wait(PATIENCE)
        return work(*arguments, **options)

    return together


@pytest.mark.parametrize("command", [("apply-patches", "--force"), ("check-patches",)])
def test_trees_are_built_at_the_same_time(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(build, "build", meet(build.build, 3))
    assert checkout.run(*command).code == 0


@pytest.mark.parametrize("command", [("apply-patches", "--force"), ("check-patches",)])
def test_sdists_are_fetched_one_after_the_other(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    threads = []
    locked = fetch.locked

    def noted(*arguments: object) -> object:
        threads.append(threading.current_thread())
        return locked(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(fetch, "locked", noted)
    assert checkout.run(*command).code == 0
    assert threads == [threading.main_thread()] * 3


def test_failures_and_rows_are_in_the_order_of_the_lock(checkout: Checkout) -> None:
    for version in ("1.0.0", "2.0.0"):
        (checkout.sdists / f"guardrails_ai-{version}.tar.gz").unlink()
    result = checkout.run("apply-patches", "--force")
    assert ["1.0.0" in row for row in result.errors] == [True, False]
    assert "1.1.0" in result.out


def test_an_interrupt_ends_the_git_of_every_thread(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two builds hang in their commits; the third is interrupted once both are there.
    fake = tmp_path / "bin"
    fake.mkdir()
    hang = f'*"{checkout.root}/guardrails/.building-1."*" commit "*'
    script = f'case "$*" in {hang}) echo x >> {tmp_path}/there; exec sleep {2 * PATIENCE};; esac'
    (fake / "git").write_text(f'#!/bin/sh\n{script}\nexec {shutil.which("git")} "$@"\n')
    (fake / "git").chmod(0o755)
    os.mkfifo(tmp_path / "there")
    make = build.build

    def interrupt(folder: Path, *arguments: object, **options: object) -> object:
        if folder.name != ".building-2.0.0":
            return make(folder, *arguments, **options)  # type: ignore[arg-type]
        # Open for writing too, it does not end between the two.
        with (tmp_path / "there").open("r+b", buffering=0) as pipe:
            assert pipe.readline() + pipe.readline() == b"x\nx\n"
        raise KeyboardInterrupt

    before = checkout.snapshot()
    monkeypatch.setattr(build, "build", interrupt)
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")
    start = time.perf_counter()
    assert checkout.run("apply-patches", "--force").code == 130
    assert time.perf_counter() - start < PATIENCE
    assert checkout.snapshot() == before
