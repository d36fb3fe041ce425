"""`python -m bench.worker BACKEND`: measures one tree's calls when it is asked to.

It reads a line of JSON for each request and answers with one: `{"case": {...}}` makes a case the
current one, `{"calls": N}` makes that many calls of it.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

from regression.environment import prepare as prepare_environment

HOME = prepare_environment()

from bench import backends, guards  # noqa: E402
from bench.case import Case  # noqa: E402


def main(backend: str) -> None:
    """Answers until there are no more requests."""
    # Libraries print; only answers go out.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    settle = backends.set_up(backend, HOME, guards.KINDS)
    measure: Any = None
    gc.collect()
    # All that is imported need not be gone through at each collection.
    gc.freeze()
    print(json.dumps({"guardrails": _place()}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "case" in request:
            measure = guards.prepare(Case(**request["case"]), settle)
            answer: dict[str, Any] = {}
        else:
            answer = measure(request["calls"])
        gc.collect()
        print(json.dumps(answer), file=answers, flush=True)


def _place() -> str:
    import guardrails

    return str(Path(guardrails.__file__).resolve().parent.parent)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
