"""What a package says of itself in pyproject.toml, in the standard table or poetry's older one."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any


def package(document: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The table with the package's name and version; an empty one if there is none."""
    found: MutableMapping[str, Any] = (
        document.get("project") or document.get("tool", {}).get("poetry") or {}
    )
    return found
