"""What tests would do on the way and only once, done before the first of them, without a limit.

On a busy machine, and where nothing is compiled yet, the first import of litellm takes minutes.
"""

import importlib
import logging
import os
from contextlib import suppress
from pathlib import Path

# What guardrails and MLflow import when they first need it; not every release needs each.
LATE = ("litellm", "openai", "httpcore", "h2.connection", "uvloop", "git", "mlflow.pyfunc")
# A test that imports more modules than this is one whose imports belong up there.
MANY = 50


def import_late() -> None:
    """Imports what is there of it, in a process that runs tests."""
    import guardrails  # noqa: F401 - before the others, as in an application

    for name in LATE:
        with suppress(ModuleNotFoundError):
            importlib.import_module(name)


def open_store(home: Path) -> None:
    """Makes MLflow's store: one SQLite file, and a folder in the current one."""
    import mlflow

    os.chdir(home)
    mlflow.set_tracking_uri(f"sqlite:///{home}/mlflow.db")
    logging.disable(logging.INFO)
    mlflow.search_experiments()
    logging.disable(logging.NOTSET)
