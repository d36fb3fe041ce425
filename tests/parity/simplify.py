"""Makes a program smaller while it still shows the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from tests.parity.program import Program, settled


def simplified(program: Program, shows: Callable[[Program], bool], *, most: int = 150) -> Program:
    """Returns a smaller program that shows it, too.

    Args:
        program: The program.
        shows: Whether a program shows what is to be kept.
        most: How many programs may be tried.
    """
    tried = {program}
    while len(tried) <= most:
        smaller = map(settled, _smaller(program))
        untried = (each for each in smaller if _new(each, tried, most))
        found = next((each for each in untried if shows(each)), None)
        if found is None:
            break
        program = found
    return program


def _new(program: Program, tried: set[Program], most: int) -> bool:
    if program in tried or len(tried) > most:
        return False
    tried.add(program)
    return True


def _smaller(part: Any) -> Iterator[Any]:
    """Yields what is one step smaller, the largest steps first."""
    usual = type(part)()
    names = [each.name for each in fields(part)]
    for name in names:
        if getattr(part, name) != getattr(usual, name):
            yield replace(part, **{name: getattr(usual, name)})
    for name in names:
        least = 1 if name in {"calls", "checks"} else 0
        for value in _smaller_value(getattr(part, name), least):
            yield replace(part, **{name: value})


def _smaller_value(value: Any, least: int = 0) -> Iterator[Any]:
    if is_dataclass(value):
        yield from _smaller(value)
    if not isinstance(value, tuple):
        return
    for at in range(len(value) if len(value) > least else 0):
        yield value[:at] + value[at + 1 :]
    for at, each in enumerate(value):
        for smaller in _smaller_value(each):
            yield (*value[:at], smaller, *value[at + 1 :])
