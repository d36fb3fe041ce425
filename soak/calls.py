"""Makes the calls: each user's own, judged by what everybody whom the Guard called saw."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any

from guardrails import AsyncGuard, Guard
from regression.oracle import return_faults
from regression.stage import Stage
from regression.validators import ROLES, validator

from soak.ledger import Ledger, Owner, Traced
from soak.plan import USERS, Plan

CURRENT: ContextVar[Run] = ContextVar("CURRENT")
SENTENCES = ("The first for {}. ", "The second for {}. ", "The third for {}.")
REMEMBERED = 10
REFUSED = "refused on purpose"


class Refused(Exception):
    """What an LLM or a validator raises, since it is to."""


@dataclass
class Run:
    """One call while it is made.

    Attributes:
        plan: What it is like.
        stage: What everybody sees.
        guard: The name of its Guard.
        faults: What was wrong.
        ended: How it ended.
    """

    plan: Plan
    stage: Stage
    guard: str
    faults: list[str] = field(default_factory=list)
    ended: str = ""

    @property
    def key(self) -> str:
        """The call's own API key."""
        return f"key-of-{self.plan.user}"

    @property
    def text(self) -> list[str]:
        """The LLM's answer to this user."""
        return [sentence.format(self.plan.user) for sentence in SENTENCES]

    def kwargs(self) -> dict[str, Any]:
        """The kwargs of the call."""
        return {"api_key": self.key, "temperature": 0}

    def asked(self, *, messages: Any = None, **kwargs: Any) -> Any:
        """The LLM's client of a Guard."""
        with self.stage.act("llm"):
            self.raise_if("llm-raises")
        return self.chunks() if self.plan.streams else "".join(self.text)

    async def async_asked(self, *, messages: Any = None, **kwargs: Any) -> Any:
        """The LLM's client of an AsyncGuard."""
        with self.stage.act("llm"):
            await asyncio.sleep(0)
            self.raise_if("llm-raises")
        return Streaming(self) if self.plan.streams else "".join(self.text)

    def chunks(self) -> Iterator[str]:
        """The answer, bit by bit."""
        for chunk in self.text:
            self.stage.sights.append(("llm", self.stage.look()))
            yield chunk

    def raise_if(self, end: str) -> None:
        """Raises, if the call is to end so."""
        if self.plan.end == end:
            raise Refused(REFUSED)

    def judge(self) -> list[str]:
        """Everything that was wrong."""
        for role, sight in self.stage.sights:
            seen = (sight.variable, sight.baggage, sight.guard, sight.secret)
            wanted = (self.plan.user, self.plan.user, self.guard, self.key)
            if seen != wanted:
                self.faults.append(f"{role} saw {seen}, not {wanted}")
        return [*self.faults, *return_faults(self.stage)]


class Streaming:
    """An answer in the manner of litellm's."""

    def __init__(self, run: Run) -> None:
        self.completion_stream = self._read(run)

    async def _read(self, run: Run) -> AsyncIterator[str]:
        for chunk in run.chunks():
            await asyncio.sleep(0)
            yield chunk


@contextmanager
def acting(role: str) -> Iterator[None]:
    """A validator's part. Which call it belongs to, the context says."""
    run = CURRENT.get(None)
    if run is None:
        raise LookupError(f"{role} does not know whose call it is")
    with run.stage.act(role):
        run.raise_if("validator-raises")
        yield


def on_fail(value: Any, result: Any) -> Any:
    """A custom handler that lets the value pass."""
    run = CURRENT.get()
    if run.plan.user not in str(value):
        run.faults.append(f"on_fail was given {value!r}")
    with run.stage.act("on_fail"):
        return value


def make_guard(plan: Plan, name: str) -> Any:
    """The Guard that a call needs."""
    handler = on_fail if plan.on_fail == "custom" else plan.on_fail
    checks = [
        validator(kind, role, handler).part(acting, role, plan.fails and role == "first")
        for kind, role in zip(plan.kinds, ROLES, strict=False)
    ]
    cls: Any = AsyncGuard if plan.mode.startswith("async") else Guard
    return cls.for_string(checks, name=name)


def prepare(plan: Plan, guards: dict[str, Any]) -> tuple[Run, Any]:
    """A call with its Guard; those that are shared are kept."""
    name = f"{plan.mode}-{plan.on_fail}" if plan.shared else f"guard-of-{plan.user}"
    guard = guards.get(name) or make_guard(plan, name)
    if plan.shared:
        guards[name] = guard
    return Run(plan, Stage(Traced()), name), guard


@contextmanager
def user(run: Run, ledger: Ledger) -> Iterator[None]:
    """The application around a call; notes how the call ended."""
    CURRENT.set(run)
    try:
        with run.stage.caller(run.plan.user):
            ledger.open(Owner(run.plan.user, run.guard, f"{run.plan.mode} {run.plan.end}"))
            try:
                yield
                run.ended = "returns"
            except (Exception, asyncio.CancelledError) as error:
                run.ended = _ending(error)
            held = [v.name for v, value in copy_context().items() if _holds(value, run.key)]
            run.faults += [f"the key is still in {name}" for name in held]
    finally:
        CURRENT.set(None)  # type: ignore[arg-type]


def _holds(value: Any, key: str) -> bool:
    return isinstance(value, dict) and key in value.values()


def _ending(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    if REFUSED in str(error):
        return "refused"
    return "exception" if "found fault" in str(error) else f"{type(error).__name__}: {error}"


def call(run: Run, guard: Any, ledger: Ledger) -> None:
    """Makes a call of a Guard."""
    with user(run, ledger):
        if run.plan.mode.endswith("validate"):
            _check_text(run, [guard.validate("".join(run.text), **run.kwargs())])
        else:
            answer = guard(run.asked, stream=run.plan.streams, **_messages(run))
            _check_text(run, _read(run, answer) if run.plan.streams else [answer])


async def async_call(run: Run, guard: Any, ledger: Ledger) -> None:
    """Makes a call of an AsyncGuard."""
    with user(run, ledger):
        if run.plan.mode.endswith("validate"):
            _check_text(run, [await guard.validate("".join(run.text), **run.kwargs())])
        else:
            answer = await guard(run.async_asked, stream=run.plan.streams, **_messages(run))
            _check_text(run, await _async_read(run, answer) if run.plan.streams else [answer])


def _messages(run: Run) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": run.plan.user}], **run.kwargs()}


def _read(run: Run, stream: Any) -> list[Any]:
    read = []
    for outcome in stream:
        read.append(outcome)
        if run.plan.end in ("left", "abandoned") and len(read) == run.plan.delay:
            break
    if run.plan.end == "left":
        stream.close()
    return read


async def _async_read(run: Run, stream: Any) -> list[Any]:
    read = []
    async for outcome in stream:
        read.append(outcome)
        if run.plan.end in ("left", "abandoned") and len(read) == run.plan.delay:
            break
    if run.plan.end == "left":
        await stream.aclose()
    return read


def _check_text(run: Run, outcomes: list[Any]) -> None:
    """The user gets the user's own text, and nobody else's."""
    text = "".join(str(outcome.validated_output or "") for outcome in outcomes)
    if set(USERS.findall(text)) - {run.plan.user}:
        run.faults.append(f"the answer is {text!r}")


async def cancelled(run: Run, guard: Any, ledger: Ledger) -> None:
    """Makes a call that is cancelled some turns of the loop later."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_later(run.plan.delay / 1000, task.cancel)
    await async_call(run, guard, ledger)


def forget(guards: Iterable[Any]) -> None:
    """Bounds what shared Guards remember, as 0.11.0 does: 0.6.0 keeps every call, by design."""
    for guard in guards:
        del guard.history[:-REMEMBERED]


def expected(plan: Plan) -> set[str]:
    """How a call may end."""
    ends = {"returns"}
    if plan.end in ("llm-raises", "validator-raises"):
        ends = {"refused"}
    if plan.end == "cancelled":
        ends |= {"cancelled"}
    if plan.fails and plan.on_fail == "exception":
        ends = (ends - {"returns"}) | {"exception"}
    return ends
