"""A call in a process of its own, for what would not leave this one as it was."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def run_main(module: str, *args: Any, home: Path, timeout: float) -> Any:
    """Calls the `main` of one of these modules in another process.

    Args:
        module: The module's name.
        args: What `main` takes; their `repr` must make them again.
        home: The folder to work in.
        timeout: How long the whole process may take, in seconds.

    Returns:
        What the last line that it printed says, as JSON.

    Raises:
        AssertionError: The process failed; what it wrote to standard error is shown.
        subprocess.TimeoutExpired: It took too long.
    """
    command = f"from regression.{module} import main; main{args!r}"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", command],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
