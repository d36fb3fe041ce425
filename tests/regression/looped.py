"""Many calls of a Guard in a process of its own, and what they leave behind there.

The event loop's policy is the process's, and open files and threads are counted: neither goes
well with other tests around.
"""

import asyncio
import faulthandler
import gc
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .processes import run_main
from .waiting import PATIENCE, joined

WARM_UP, CALLS = 20, 100
# For the whole process, which first imports guardrails and all that it needs.
WHOLE = 2 * PATIENCE
# For threads that have been told to end, all together: where they do not, it is waited in vain.
GRACE = PATIENCE / 20

Call = Callable[[], None]


@dataclass
class Left:
    """What calls left behind.

    Attributes:
        files: How many more files are open.
        threads: How many more threads there are than a pool may have.
        kept: Whether loop and policy are still those that were set.
        calls: How many calls returned.
    """

    files: int = 0
    threads: int = 0
    kept: bool = True
    calls: int = WARM_UP + CALLS


NOTHING = Left()


def left_by(case: str, uvloop: bool, home: Path) -> Left:
    """Makes the calls in another process; returns what they left."""
    return Left(**run_main("looped", case, uvloop, home=home, timeout=WHOLE))


def main(case: str, uvloop: bool) -> None:
    """Makes the calls here, and prints what they left."""
    # Whoever waits for this process may have ended.
    faulthandler.dump_traceback_later(WHOLE, exit=True)
    from guardrails import validator_service
    from guardrails.settings import settings

    if not uvloop:
        validator_service.uvloop = None
    settings.disable_tracing = True
    print(json.dumps(asdict(_count(CASES[case]))))


def _count(run: Callable[[Call, int], bool]) -> Left:
    returned: list[Any] = []
    guard = _guard()

    def call() -> None:
        returned.append(guard.validate("an answer").validation_passed)

    kept = run(call, WARM_UP)
    # What is only closed once it is collected was left open.
    gc.collect()
    gc.disable()
    files, threads = _files(), threading.enumerate()
    kept = run(call, CALLS) and kept
    return Left(_more_files(files), _more_threads(threads), kept, len(returned))


def _guard() -> Any:
    from .playing import make_guard
    from .validators import validator

    checks = [validator("validate", role) for role in ("first", "second")]
    return make_guard("Guard", [check.part(_acting, check.rail_alias) for check in checks])


def _acting(role: str) -> Any:
    from contextlib import nullcontext

    return nullcontext()


def _files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _more_files(before: int) -> int:
    return max(0, _files() - before)


def _more_threads(before: list[threading.Thread]) -> int:
    """Waits, within bounds, until no more are left than a pool may grow to."""
    pool, until = min(32, (os.cpu_count() or 1) + 4), time.monotonic() + GRACE
    while True:
        new = set(threading.enumerate()) - set(before)
        more = threading.active_count() - len(before) - pool
        if more <= 0 or time.monotonic() > until:
            return max(0, more)
        for thread in new:
            thread.join(GRACE / len(new) / 10)


def _in_the_main_thread(call: Call, times: int) -> bool:
    policy = asyncio.get_event_loop_policy()
    call()
    loop = asyncio.get_event_loop()
    for _ in range(times - 1):
        call()
    return asyncio.get_event_loop_policy() is policy and asyncio.get_event_loop() is loop


def _with_the_users_loop(call: Call, times: int) -> bool:
    policy, loop = asyncio.get_event_loop_policy(), asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    for _ in range(times):
        call()
    kept = asyncio.get_event_loop_policy() is policy and asyncio.get_event_loop() is loop
    still_open = not loop.is_closed()
    loop.close()
    asyncio.set_event_loop(None)
    return kept and still_open


def _with_the_users_policy(call: Call, times: int) -> bool:
    policy = type("UsersPolicy", (asyncio.DefaultEventLoopPolicy,), {})()
    asyncio.set_event_loop_policy(policy)
    return _with_the_users_loop(call, times) and asyncio.get_event_loop_policy() is policy


def _with_uvloop_installed_by_the_user(call: Call, times: int) -> bool:
    import uvloop

    uvloop.install()
    return _with_the_users_loop(call, times)


def _with_a_loop_that_the_user_closed(call: Call, times: int) -> bool:
    policy, loop = asyncio.get_event_loop_policy(), asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.close()
    for _ in range(times):
        call()
    return asyncio.get_event_loop_policy() is policy


def _between_runs(call: Call, times: int) -> bool:
    policy = asyncio.get_event_loop_policy()
    for _ in range(times):
        call()
        asyncio.run(asyncio.sleep(0))
    return asyncio.get_event_loop_policy() is policy


def _in_threads(call: Call, times: int) -> bool:
    policy = asyncio.get_event_loop_policy()
    for _ in range(times):
        _in_a_thread(call)
    return asyncio.get_event_loop_policy() is policy


def _in_threads_with_the_users_loop(call: Call, times: int) -> bool:
    kept: list[bool] = []
    for _ in range(times):
        _in_a_thread(lambda: kept.append(_with_the_users_loop(call, 1)))
    return all(kept)


def _in_a_thread(call: Call) -> None:
    joined(threading.Thread(target=call, daemon=True))


CASES: dict[str, Callable[[Call, int], bool]] = {
    "in the main thread": _in_the_main_thread,
    "with the user's loop": _with_the_users_loop,
    "with the user's policy": _with_the_users_policy,
    "with uvloop installed by the user": _with_uvloop_installed_by_the_user,
    "with a loop that the user closed": _with_a_loop_that_the_user_closed,
    "between runs": _between_runs,
    "in threads": _in_threads,
    "in threads with the user's loop": _in_threads_with_the_users_loop,
}
