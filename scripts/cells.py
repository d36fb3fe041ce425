"""`python -m scripts.cells`: turns `nox --list --json` into the matrix of a GitHub workflow."""

from __future__ import annotations

import json
import sys


def main() -> int:
    """Reads nox's list of sessions, writes the step's output `cells`.

    Returns:
        0, or 1 if there is no session: a matrix of nothing would pass.
    """
    sessions = json.load(sys.stdin)
    if not sessions:
        print("error: nox lists no session: see the names in the workflow", file=sys.stderr)
        return 1
    cells = [{name: session[name] for name in ("session", "python")} for session in sessions]
    print(f"cells={json.dumps(cells)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
