"""Results as a scenario writes them, made up."""

from typing import Any

from demo.results import Result, parse
from demo.subjects import Subject
from demo.verdict import LOOKS, WHOLE

PUBLISHED = Subject("9.9.9", note="a release")
PATCHED = Subject("9.9.9", patched=True)
VARIABLES = ("ContextVar", "baggage", "guard name")
CALLER = "handle request"
MILLISECOND = 1_000_000


def spans(paths: list[str], trace: str = "t") -> list[dict[str, Any]]:
    """The spans that have these paths; one without its parent's path is a root.

    They start one after another, a millisecond apart, and last until all below them have ended.
    """
    ids = {path: f"{trace}{number}" for number, path in enumerate(paths)}
    return [
        {
            "trace": trace,
            "id": ids[path],
            "parent": ids.get(path.rpartition(" > ")[0]),
            "name": path.rpartition(" > ")[2],
            "start": number * MILLISECOND,
            "end": (number + 1 + _below(path, paths)) * MILLISECOND,
        }
        for number, path in enumerate(paths)
    ]


def _below(path: str, paths: list[str]) -> int:
    return sum(other.startswith(f"{path} > ") for other in paths)


def seen(lost: int = 0) -> list[dict[str, str]]:
    """Everybody's looks, the first few without success."""
    return [
        {
            "place": "LLM callable",
            "variable": VARIABLES[number % 3],
            "found": "" if number < lost else "set",
            "expected": "set",
        }
        for number in range(LOOKS)
    ]


def call(kind: str = "Guard", **changes: Any) -> dict[str, Any]:
    """A call that keeps everything, but for the changes."""
    whole = spans(list(WHOLE), kind)
    kept = {"kind": kind, "spans": whole, "seen": seen(), "left": []}
    made = {**kept, **changes}
    caller = next((span["id"] for span in made["spans"] if span["name"] == CALLER), "")
    return {"caller": caller, **made}


def content(*calls: dict[str, Any]) -> dict[str, Any]:
    """A result file's content."""
    about = {"guardrails": "9.9.9", "python": "3.11.7", "mlflow": "3.17.2", "experiment": "1"}
    return {**about, "calls": list(calls)}


def result(subject: Subject, *calls: dict[str, Any]) -> Result:
    """A subject's result."""
    return parse(subject, content(*calls))


def with_orphan() -> dict[str, Any]:
    """A call that makes a second trace."""
    return call(spans=spans([CALLER], "a") + spans(["lonely", "lonely > below"], "b"))
