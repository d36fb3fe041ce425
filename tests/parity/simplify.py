"""Makes a program smaller while it still shows the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from tests.parity.program import Program


def simplified(program: Program, shows: Callable[[Program], bool], *, most: int = 150) -> Program:
    """Returns a smaller program that shows it, too.

    Args:
        program: The program.
        shows: Whether a program shows what is to be kept.
        most: How many programs may be tried.
    """
    tried: set[Program] = set()
    while len(tried) < most:
        found = next((each for each in _smaller(program) if _new(each, tried, most) and shows(each)), None)
        if found is None:
            break
        program = found
    return program


def _new(program: Program, tried: set[Program], most: int) -> bool:
    if program in tried or len(tried) >= most:
        return False
    tried.add(program)
    return True


def _smaller(part: Any) -> Iterator[Any]:
    """Yields what is one step smaller, the largest steps first."""
    usual = type(part)()
    names = [each.name for each in fields(part)]
    for name in names:
        value = getattr(part, name)
        if value != getattr(usual, name):
            yield replace(part, **{name: getattr(usual, name)})
    for name in names:
        for value in _smaller_value(getattr(part, name)):
            yield replace(part, **{name: value})


def _smaller_value(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for at in range(len(value)):
            yield value[:at] + value[at + 1 :]
        for at, each in enumerate(value):
            for smaller in _smaller_value(each):
                yield (*value[:at], smaller, *value[at + 1 :])
    elif is_dataclass(value):
        yield from _smaller(value)
    elif isinstance(value, int) and not isinstance(value, bool) and value > 1:
        yield value - 1
