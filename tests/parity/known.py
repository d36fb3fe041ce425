"""The kinds of harm that the series of 2026-11-25 did, and programs that show them.

Each is an example of the parity test for ever. `python -m tests.parity` says at which program it
met each kind by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.parity.compare import NOTHING
from tests.parity.program import Call, Check, Llm, Program
from tests.parity.table import Case


@dataclass(frozen=True)
class Kind:
    """A kind of harm.

    Attributes:
        name: What it is.
        shows: Whether a difference is of this kind.
        programs: Programs that show it.
    """

    name: str
    shows: Callable[[Case], bool]
    programs: tuple[Program, ...]


def _texts(where: str, published: str, patched: str) -> Callable[[Case], bool]:
    """Recognizes a difference by what was noted on the two trees."""

    def shows(case: Case) -> bool:
        found = case.difference
        wanted = ((where, found.where), (published, found.published), (patched, found.patched))
        return all(re.search(pattern, text) for pattern, text in wanted)

    return shows


def _either(*all_of_them: Callable[[Case], bool]) -> Callable[[Case], bool]:
    return lambda case: any(each(case) for each in all_of_them)


def _fails_late(case: Case) -> bool:
    if "when" not in case.difference.where or len(case.program.checks) < 2:
        return False
    one, other = (
        float(re.findall(r"after (\d+\.\d)", text)[0])
        for text in (case.difference.published, case.difference.patched)
    )
    return other > one


def _own_loops(case: Case) -> bool:
    return case.program.guard == "AsyncGuard" and any(
        call.kind == "stream" for call in case.program.calls
    )


def _twice(case: Case) -> bool:
    return case.difference.where == "guard spans" and bool(case.program.sub)


def _buffered(case: Case) -> bool:
    return any(check.buffer for check in case.program.checks) and bool(
        re.search(
            "has kept|accumulates|judges", case.difference.published + case.difference.patched
        )
    )


_SEES = r"sees \w: "
_OWN = r"sees \w: (unset|set by \d+/caller)"
_ASK = Call(kind="ask", after=("get a",))
_SLOW = Check(how="async", does=("sleep 5",))
_QUICK = Check(how="async")
_BREAKS = Call(kind="stream", reads=("next",))

KINDS: tuple[Kind, ...] = (
    Kind(
        "A1: what an LLM sets does not reach its caller",
        _either(
            _texts(r"caller$", r"sees \w: set by \d+/(llm|v\d)", r"sees \w: "),
            _texts(r"caller$", r"counts with 5", r"counts with (28|9)"),
        ),
        (
            Program(guard="AsyncGuard", host="asyncio", llm=Llm(does=("set a",)), calls=(_ASK,)),
            Program(
                guard="AsyncGuard",
                host="asyncio",
                llm=Llm(each=("set a",)),
                calls=(
                    Call(kind="stream", reads=("next", "next", "get a", "rest"), after=("get a",)),
                ),
            ),
            Program(
                llm=Llm(each=("set a",)), calls=(Call(kind="stream", reads=("rest", "get a")),)
            ),
        ),
    ),
    Kind(
        "A2: a cancellation escapes its scope, or loses its message",
        _either(
            _texts(r"caller$", r"left its scope: cancelled True", r"met CancelledError"),
            _texts(r"caller$", r"met TimeoutError", r"met CancelledError"),
            _texts(r"caller$", f"^{NOTHING}$", r"^met CancelledError"),
            _texts(r"caller$", r"met CancelledError\('[bt]", r"met CancelledError\(('')?\)"),
        ),
        tuple(
            Program(
                guard="AsyncGuard", host=host, checks=(_SLOW, _QUICK), calls=(Call(scope=scope),)
            )
            for host, scope in (
                ("anyio", "move_on_after 2.5"),
                ("anyio", "fail_after 2.5"),
                ("asyncio", "cancel 1.5 because"),
            )
        ),
    ),
    Kind(
        "A3: a failure waits for its siblings",
        _either(_fails_late, _texts(r"/v\d+", r"met CancelledError|^nothing", r"Hung")),
        (
            Program(
                guard="AsyncGuard",
                host="asyncio",
                checks=(
                    Check(verdict="fail", on_fail="exception"),
                    Check(how="async", does=("sleep 3",)),
                ),
                calls=(Call(after=("sleep 2",)),),
            ),
            Program(
                guard="AsyncGuard",
                host="asyncio",
                checks=(
                    Check(how="async", does=("raise OwnError",)),
                    Check(how="async", does=("wait f",)),
                ),
            ),
        ),
    ),
    Kind(
        "A4: the history pins a request",
        _texts(r"^alive$", NOTHING, r"request"),
        (
            Program(checks=(Check(verdict="fail", on_fail="exception"),), calls=(Call(), Call())),
            Program(checks=(Check(does=("raise OwnError",)),), host="thread"),
            Program(checks=(Check(verdict="fail", on_fail="custom", handles=("raise OwnError",)),)),
        ),
    ),
    Kind(
        "A5: no anyio.run in a validator's thread, and a shared decimal context",
        _either(
            _texts(r"", r"anyio\.run: judged", r"Already running asyncio"),
            _texts(r"", r"runs on no loop", r"runs on asyncio"),
            _texts(r"", r"counts with (28|9) digits", r"counts with 5 digits"),
            _texts(r"", r"", r"Already running asyncio"),
        ),
        (
            Program(guard="AsyncGuard", host="anyio", checks=(Check(does=("anyio.run",)),)),
            Program(guard="AsyncGuard", host="anyio", checks=(Check(does=("library",)),)),
            Program(
                checks=(Check(does=("precision 5",)),),
                calls=(Call(before=("precision",), after=("precision",)),),
            ),
        ),
    ),
    Kind(
        "A6: an abandoned stream never ends",
        _either(
            lambda case: _own_loops(case) and _texts(r"^open spans$", NOTHING, r"")(case),
            lambda case: _own_loops(case) and _texts(r"^alive$", NOTHING, r"llm stream")(case),
        ),
        (
            Program(guard="AsyncGuard", host="loop", calls=(_BREAKS, _BREAKS), tracing="sdk"),
            Program(
                guard="AsyncGuard",
                host="loop",
                calls=(Call(kind="stream", reads=("next", "keep")),),
                tracing="sdk",
            ),
        ),
    ),
    Kind(
        "A7: asgiref's thread is asked from within itself",
        _texts(r"", r"", r"CurrentThreadExecutor|Single thread executor|hung for ever"),
        tuple(
            Program(host=host, checks=(Check(how="async", does=("sync_to_async",)),))
            for host in ("view", "view of a test", "sync_to_async")
        ),
    ),
    Kind(
        "A8: a guard span records another call",
        _twice,
        (
            Program(
                sub="falls back",
                checks=(Check(verdict="fail once"),),
                calls=(Call(kind="ask"),),
                tracing="sdk",
            ),
            Program(
                guard="AsyncGuard",
                host="asyncio",
                sub="falls back",
                checks=(Check(verdict="fail once"),),
                calls=(Call(kind="ask"),),
                tracing="sdk",
            ),
        ),
    ),
    Kind(
        "A9: a validator's own buffer is ignored in streams",
        _buffered,
        tuple(
            Program(
                checks=(Check(how=how, buffer=buffer),), calls=(Call(kind="stream", reads=reads),)
            )
            for how, buffer, reads in (
                ("sync", "seeded", ("rest",)),
                ("stream", "seeded", ("rest",)),
                ("stream", "deque", ("next", "buffer", "rest")),
            )
        ),
    ),
    Kind(
        "A14: a handler cannot reset what its validator has set",
        _texts(r"", r"^((?!different Context).)*$", r"created in a different Context"),
        tuple(
            Program(
                host="asyncio",
                checks=(
                    Check(verdict="fail", on_fail="custom", does=("set a",), handles=("reset a",)),
                ),
                calls=(Call(kind=kind),),
            )
            for kind in ("validate", "stream")
        ),
    ),
    Kind(
        "A14: a validator's own cancellation loses its message",
        _texts(r"caller$", r"CancelledError\('budget spent'\)", r"CancelledError"),
        (
            Program(
                guard="AsyncGuard",
                host="asyncio",
                checks=(Check(how="async", does=("raise CancelledError",)), _QUICK),
            ),
        ),
    ),
    Kind(
        "A14: a failing sibling's wait leaves no time to try again",
        _either(
            _texts(r"caller$", r"tries again", r""),
            _texts(r"caller$", r"met (?!Cancelled)", r"left its scope: cancelled True"),
        ),
        (
            Program(
                guard="AsyncGuard",
                host="asyncio",
                checks=(Check(how="async", does=("raise OwnError",)), _SLOW),
                calls=(Call(scope="timeout 2.5", tries=2),),
            ),
        ),
    ),
    Kind(
        "A14: the LLM's own stream is closed, though the application reads on",
        _texts(r"caller$", r"reads of the LLM's own stream: 'Sentence", r"<object|the end|nothing"),
        (
            Program(calls=(Call(kind="stream", reads=("next", "close", "llm", "llm")),)),
            Program(
                guard="AsyncGuard",
                host="asyncio",
                llm=Llm(chunks=4),
                calls=(Call(kind="stream", reads=("next", "drop", "llm", "llm")),),
            ),
        ),
    ),
    Kind(
        "A14: what a consumer sets between two chunks is not seen by the next",
        _texts(r"llm$|on_fail$", r"sees \w: set by \d+/caller", r"unset"),
        (
            Program(
                llm=Llm(each=("get a",)),
                calls=(Call(kind="stream", reads=("next", "set a", "rest")),),
            ),
            Program(
                guard="AsyncGuard",
                host="asyncio",
                llm=Llm(each=("get a",)),
                calls=(Call(kind="stream", reads=("next", "set a", "rest")),),
            ),
            Program(
                checks=(Check(how="chunk", verdict="fail", on_fail="custom", handles=("get a",)),),
                calls=(Call(kind="stream", reads=("next", "set a", "rest")),),
            ),
        ),
    ),
)


OTHERS = (
    Kind(
        "A11: a sync stream that closes asynchronously is not closed, and is kept",
        _either(
            _texts(r"^warnings$", NOTHING, r"coroutine .* was never awaited"),
            lambda case: (
                case.program.llm.form == "closing asynchronously"
                and _texts(r"^alive$", NOTHING, r"llm stream")(case)
            ),
        ),
        (
            Program(
                llm=Llm(form="closing asynchronously"),
                calls=(Call(kind="stream", reads=("next", "close")),),
            ),
        ),
    ),
    Kind(
        "D: siblings and handlers do not see each other's variables",
        _texts(
            r"(llm|v\d+|on_fail)$",
            r"sees \w: set by \d+/(v\d|llm)",
            r"sees \w: (unset|set by \d+/caller)",
        ),
        (Program(host="asyncio", checks=(Check(does=("set a",)), Check())),),
    ),
    Kind(
        "E1: validators see what the LLM has set",
        _texts(
            r"(v\d+|on_fail)$", r"sees \w: (unset|set by \d+/caller)", r"sees \w: set by \d+/llm"
        ),
        (Program(llm=Llm(does=("set a",)), calls=(Call(kind="ask"),)),),
    ),
    Kind(
        "E2: a validator's SystemExit is not what the call ends with",
        _either(
            _texts(r"caller$|^host$", r"SystemExit", r"CancelledError|^nothing"),
            _texts(r"caller$|^host$", r"", r"SystemExit"),
            _texts(r"^errors$", NOTHING, r"never retrieved SystemExit"),
        ),
        (
            Program(
                guard="AsyncGuard",
                host="asyncio",
                checks=(Check(does=("raise SystemExit",)), Check()),
            ),
            Program(host="to_thread", checks=(Check(does=("raise SystemExit",)),)),
        ),
    ),
)
CLOSED_LATE = Kind(
    "E3: a failure waits until the LLM's stream is closed, and a time limit can strike first",
    _either(
        _texts(r"caller$", r"met (\w+Error)", r"met TimeoutError\(\) from CancelledError"),
        _texts(r"llm$", r"woke", r"slept and met CancelledError"),
    ),
    (
        Program(
            guard="AsyncGuard",
            host="asyncio",
            checks=(Check(does=("raise OwnError",)),),
            llm=Llm(ends=("sleep 3",)),
            calls=(Call(kind="stream", scope="timeout 2.5"),),
        ),
    ),
)
CLOSED_TWICE = Kind(
    "E4: a stream that is left is closed by its loop and by guardrails at once",
    _texts(r"^errors$", NOTHING, r"asynchronous generator is already running"),
    (
        Program(
            guard="AsyncGuard",
            host="asyncio",
            llm=Llm(ends=("to_thread",)),
            calls=(Call(kind="stream", reads=("next",)),),
        ),
    ),
)
CLOSED = Kind(
    "D: the LLM's stream is closed when the Guard's ends, and not read to its end",
    _either(
        _texts(r"llm$|llm, when$", r"", r"ends its stream"),
        _texts(r"llm$|llm, when$", r"ends its stream", r""),
        _texts(r"^alive$", r"llm stream", NOTHING),
        _texts(r"llm$", r"streams \d", NOTHING),
        _texts(r"^order$", r"", r"ends its stream"),
        _texts(r"^order$", r"ends its stream", r""),
        _texts(r"^errors$", r"closing of asynchronous generator", NOTHING),
        _texts(r"^errors$", NOTHING, r"stream could not be closed"),
    ),
    (Program(checks=(Check(does=("raise OwnError",)),), calls=(Call(kind="stream"),)),),
)
KINDS = (*KINDS, *OTHERS, CLOSED_LATE, CLOSED_TWICE, CLOSED)


def kind_of(case: Case) -> str:
    """Names the kind that a difference is of, if it is known."""
    return next((kind.name for kind in KINDS if kind.shows(case)), "")
