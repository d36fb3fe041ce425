"""What each call is like: drawn from a seed, so that a run can be repeated."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

MODES = (
    "async-call",
    "async-validate",
    "async-stream",
    "async-in-thread",
    "thread-call",
    "thread-validate",
    "thread-stream",
    "on-the-loop",
)
KINDS = ("validate", "async_validate", "delegates-to-validate", "delegates-to-super")
ON_FAIL = ("noop", "custom", "fix", "exception")
# Most calls end as they should: the others must not drown what they could harm.
ENDS = ("returns",) * 6 + ("llm-raises", "validator-raises", "cancelled", "left", "abandoned")

# What names a user, wherever it is found.
USERS = re.compile(r"user\d+x")

# Guards of their own are what costs most: half of the calls have one.
SHARED = 0.5


@dataclass(frozen=True)
class Plan:
    """One call.

    Attributes:
        number: Its place in the run; the user's value is made from it.
        mode: How the Guard is called.
        kinds: The kinds of its validators.
        on_fail: What happens when a validator finds fault.
        fails: Whether the first validator does.
        end: How the call ends.
        shared: Whether its Guard serves other calls, too: earlier ones, later ones, and some at
            the same time.
        delay: After how many turns of the loop it is cancelled, or chunks it is left.
    """

    number: int
    mode: str
    kinds: tuple[str, ...]
    on_fail: str
    fails: bool
    end: str
    shared: bool
    delay: int

    @property
    def user(self) -> str:
        """The user's value, which no other call has."""
        return f"user{self.number:06d}x"

    @property
    def streams(self) -> bool:
        """Whether the answer is read in chunks."""
        return self.mode.endswith("stream")

    @property
    def on_loop(self) -> bool:
        """Whether the call is a task of the main loop, and not a thread of its own."""
        return self.mode in ("async-call", "async-validate", "async-stream", "on-the-loop")


def draw(number: int, seed: int) -> Plan:
    """One call of the run that a seed stands for."""
    chance = random.Random(f"{seed}-{number}")  # noqa: S311 - nothing is secret here
    mode, end = chance.choice(MODES), chance.choice(ENDS)
    on_fail, shared = chance.choice(ON_FAIL), chance.random() < SHARED
    count = 2 if shared else chance.randint(1, 3)
    return Plan(
        number=number,
        mode=mode,
        kinds=KINDS[:count] if shared else tuple(chance.choices(KINDS, k=count)),
        on_fail=on_fail,
        fails=shared or chance.random() < 0.5,
        end=end if _possible(mode, end) else "returns",
        shared=shared,
        delay=chance.randint(1, 3),
    )


def _possible(mode: str, end: str) -> bool:
    """Whether a call in a mode can end like that."""
    if end == "cancelled":
        return mode in ("async-call", "async-validate", "async-stream")
    if end in ("left", "abandoned"):
        return mode.endswith("stream")
    return not (end == "llm-raises" and mode.endswith("validate"))
