"""What kinds of calls are measured; known to the process that asks and to those that measure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

# Who records spans, and what a table calls it.
BACKENDS = {"off": "tracing off", "opentelemetry": "OpenTelemetry", "mlflow": "MLflow"}


@dataclass(frozen=True)
class Case:
    """One kind of call of a Guard.

    Attributes:
        mode: `Guard` or `AsyncGuard`.
        validators: How many validators each validated value has.
        fields: How many fields the schema's object and the one inside it have; 0: a plain string.
        at_once: How many calls are made at the same time: tasks, or threads.
        variables: How many ContextVars the caller has.
        history: How many earlier calls the Guard remembers.
        uvloop: Whether guardrails finds uvloop installed.
        chunks: How many chunks the LLM answers in, as a stream; 0: `validate`, without an LLM.
    """

    mode: str = "Guard"
    validators: int = 1
    fields: int = 0
    at_once: int = 1
    variables: int = 0
    history: int = 10
    uvloop: bool = False
    chunks: int = 0

    @property
    def name(self) -> str:
        """The call in words: what differs from the simplest one."""
        words = [self.mode, f"{self.validators} validator{'s' * (self.validators > 1)}"]
        words += [f"{self.fields} + {self.fields} fields"] * bool(self.fields)
        words += [f"{self.at_once} at once"] * (self.at_once > 1)
        words += [f"{self.variables:,} variables"] * bool(self.variables)
        words += [f"{self.history} remembered"] * (self.history != Case.history)
        words += ["uvloop"] * self.uvloop
        words += [f"{self.chunks} chunks"] * bool(self.chunks)
        return ", ".join(words)


def calls(backend: str, *, quick: bool) -> Iterator[Case]:
    """The calls that are measured with a backend, each once."""
    for mode in ("Guard", "AsyncGuard"):
        one = Case(mode)
        yield one
        if backend == "mlflow" and quick:
            # Each round waits for MLflow's threads.
            continue
        yield replace(one, validators=4)
        if quick:
            continue
        yield replace(one, validators=16)
        yield replace(one, fields=4)
        yield replace(one, at_once=32)
        # With MLflow this would wait for minutes until SQLite has it all.
        if backend != "mlflow":
            yield replace(one, at_once=256)
            yield from _growing(one)


def calls_with_uvloop(backend: str, *, quick: bool) -> Iterator[Case]:
    """The calls that are measured where guardrails finds uvloop.

    They need processes of their own: as published, it is the policy of everything from then on.
    """
    if backend != "mlflow" and not quick:
        yield Case(uvloop=True)
        yield Case(validators=4, uvloop=True)


def calls_with_many_variables(backend: str, *, quick: bool) -> Iterator[Case]:
    """The calls that must cost the same without them."""
    if backend != "mlflow":
        for mode in ("Guard", "AsyncGuard"):
            yield Case(mode, variables=1000)


def _growing(one: Case) -> Iterator[Case]:
    for variables in (10, 100, 1000):
        yield replace(one, variables=variables)
    for fields in (1, 16):
        yield replace(one, fields=fields)
    for history in (1, 100):
        yield replace(one, history=history)


def streams(backend: str, *, quick: bool) -> Iterator[Case]:
    """The streams that are measured, each once."""
    for mode in ("Guard", "AsyncGuard"):
        one = Case(mode, chunks=100)
        yield one
        if not quick:
            yield replace(one, validators=4)
            yield replace(one, variables=1000)
