"""What people see: a table at the end, and a bar while something downloads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Reporter = Callable[[int, "int | None"], None]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    made = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        made.add_row(*row)
    # A pipe or a log has no width of its own; do not fold paths that others may want to copy.
    Console(width=None if sys.stdout.isatty() else 120).print(made)


@contextmanager
def progress(name: str) -> Iterator[Reporter]:
    """Show a download: a bar on a terminal, one plain line elsewhere.

    Yields:
        A function to call with the bytes so far and the total, if known.
    """
    if not sys.stderr.isatty():
        print(f"fetching {name}", file=sys.stderr)
        yield lambda _completed, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"fetching {name}", total=None)
        yield lambda completed, total: bar.update(task, completed=completed, total=total)
