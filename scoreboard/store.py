"""MLflow's store: to make an empty one takes seconds, to copy it none."""

from __future__ import annotations

import multiprocessing
import shutil
from pathlib import Path


def make(store: Path) -> None:
    """Makes an empty store, in a process of its own: SQLite's connections are not to be forked."""
    store.unlink(missing_ok=True)
    process = multiprocessing.get_context("spawn").Process(target=use, args=(store,))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError("MLflow could not make its store")


def copy(store: Path, home: Path) -> None:
    """Gives this process a store of its own."""
    shutil.copy(store, home / "mlflow.db")
    use(home / "mlflow.db")


def use(store: Path) -> None:
    """Makes MLflow use a store, which does not wait for the disk."""
    import mlflow
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def hurry(connection: object, _: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")  # type: ignore[attr-defined]

    event.listen(Engine, "connect", hurry)
    mlflow.set_tracking_uri(f"sqlite:///{store}")
    mlflow.search_experiments()
