"""What no test of behaviour would notice: a new bare `run_in_executor` in the package."""

import ast
from collections.abc import Iterator
from pathlib import Path

import guardrails

from .patches import Patch, repaired_by

PACKAGE = Path(guardrails.__file__).parent
EXECUTOR = PACKAGE / "utils" / "context_executor.py"


@repaired_by(Patch.VALIDATORS)
def test_only_the_executor_itself_hands_work_to_a_loops_pool() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if path != EXECUTOR]
    assert [found for path in modules for found in _bare_calls(path)] == []


def _bare_calls(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for call in ast.walk(tree):
        if isinstance(call, ast.Attribute) and call.attr in ("run_in_executor", "to_thread"):
            yield f"{path.relative_to(PACKAGE)}:{call.lineno}"
