"""Holds every test to its mark, and the package under test to being the installed one."""

import gc
import importlib.util
import logging
import os
import shutil
import socket
import sys
import sysconfig
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from .environment import prepare

HOME = prepare()
CONTROL = pytest.StashKey[Any]()

from . import warm_up  # noqa: E402
from .control import Control, left_alone, patch_of  # noqa: E402
from .leftovers import let_go, unheard  # noqa: E402

pytest_plugins = ("regression.limits",)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("regression")
    group.addoption("--release", help="the release of guardrails-ai that must be installed")
    group.addoption("--branch", type=_numbers, help="the patches that a pull request's branch has")
    group.addoption("--applied", type=int, help="the last patch that the tree under test has")
    group.addoption("--following", type=int, help="the patch that comes next")
    group.addoption("--ledgers", type=Path, help="the folder that the control's counts go to")


def pytest_configure(config: pytest.Config) -> None:
    _profile()
    edge = config.getoption("--applied"), config.getoption("--following")
    config.stash[CONTROL] = None if None in edge else Control(*edge)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Nothing but the installed package may be under test, whatever the working directory."""
    spec = importlib.util.find_spec("guardrails")
    place = spec.origin if spec and spec.origin else "nowhere"
    if not Path(place).resolve().is_relative_to(Path(sysconfig.get_path("purelib")).resolve()):
        pytest.exit(f"guardrails is imported from {place}, which is not an installed package", 3)
    wanted, installed = session.config.getoption("--release"), version("guardrails-ai")
    if wanted and installed.split("+")[0] != wanted:
        pytest.exit(f"guardrails-ai {installed} is installed, {wanted} is to be tested", 3)
    # The controller of xdist's workers runs no tests itself.
    if not session.config.pluginmanager.hasplugin("dsession"):
        warm_up.import_late()
        warm_up.open_store(HOME)
        # To collect is then to look at what tests left, and not at all that was imported.
        gc.collect()
        gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    unmarked = [item.nodeid for item in items if patch_of(item) is None]
    if unmarked:
        raise pytest.UsageError("without one mark of a patch: " + ", ".join(unmarked))
    control, branch = config.stash[CONTROL], config.getoption("--branch")
    if control is not None:
        _keep(config, items, control.wants)
    elif branch is not None:
        _keep(config, items, lambda item: patch_of(item) in branch or left_alone(item))


def _keep(
    config: pytest.Config, items: list[pytest.Item], wanted: Callable[[pytest.Item], bool]
) -> None:
    spared = [item for item in items if not wanted(item)]
    items[:] = [item for item in items if wanted(item)]
    config.hook.pytest_deselected(items=spared)


def _numbers(text: str) -> frozenset[int]:
    return frozenset(map(int, text.split(",")))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Keeps the failures that the control wants from each other."""
    control = item.config.stash[CONTROL]
    if control is None or not control.must_fail(item):
        yield
        return
    with unheard() as heard:
        outcome: Any = yield
        if outcome.excinfo is not None:
            let_go(outcome.excinfo[1])
    if outcome.excinfo is None and heard:
        outcome.force_exception(AssertionError("\n".join(heard)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    outcome: Any = yield
    control = item.config.stash[CONTROL]
    if control is not None:
        control.weigh(item, outcome.get_result())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the counts, in each process that ran tests."""
    control, ledgers = session.config.stash[CONTROL], session.config.getoption("--ledgers")
    if control is not None and ledgers is not None:
        control.write(ledgers / f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.json")


def pytest_unconfigure(config: pytest.Config) -> None:
    os.chdir(config.invocation_params.dir)
    # What an unpatched tree left open ends with the process, and finds no store any more.
    logging.disable(logging.CRITICAL)
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def imported() -> Iterator[None]:
    """No test's limit has to do for imports: those were made before."""
    before = set(sys.modules)
    yield
    late = sys.modules.keys() - before
    assert len(late) < warm_up.MANY, f"name in warm_up.LATE what imports {sorted(late)}"


@pytest.fixture(autouse=True, scope="session")
def offline() -> Iterator[None]:
    """No test reaches beyond this machine."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: Any) -> None:
        local = self.family == socket.AF_UNIX or str(address[0]) in ("127.0.0.1", "::1")
        assert local, f"a test wants to connect to {address}"
        connect(self, address)

    setattr(socket.socket, "connect", local_only)  # noqa: B010 - mypy refuses the plain form
    yield
    setattr(socket.socket, "connect", connect)  # noqa: B010


def _profile() -> None:
    """Hypothesis draws the same examples each time, and takes the time it needs."""
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "regression",
        database=None,
        deadline=None,
        derandomize=True,
        max_examples=25,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
        # Which example fails is of interest, how small it can be made is not worth the time.
        phases=[Phase.explicit, Phase.generate],
    )
    settings.load_profile("regression")
