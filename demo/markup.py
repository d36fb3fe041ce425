"""HTML from nested calls; text is escaped where it is put in, so no caller has to remember."""

from __future__ import annotations

import html
from collections.abc import Iterable

# They have no content and no end tag.
_VOID = {"br", "meta", "wbr"}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, /, *content: str, **attributes: str) -> Markup:
    """An element.

    Args:
        tag: Its tag.
        content: What is in it; whatever is not Markup is escaped.
        attributes: By name, with `_` for `-`, and one at the end where Python has the word itself.
    """
    pairs = (f' {_attribute(key)}="{html.escape(value)}"' for key, value in attributes.items())
    start = f"<{tag}{''.join(pairs)}>"
    return Markup(start if tag in _VOID else f"{start}{join(content)}</{tag}>")


def join(parts: Iterable[str]) -> Markup:
    """Parts behind each other."""
    return Markup("".join(_escaped(part) for part in parts))


def hidden(text: str) -> Markup:
    """Text for those who listen, and not for those who look."""
    return element("span", text, class_="hidden")


def breakable(name: str) -> Markup:
    """A name with slashes, in type of one width, that may go on in a new line behind each slash."""
    first, *others = name.split("/")
    return element("code", first, *(part for other in others for part in ("/", _BREAK, other)))


def _escaped(part: str) -> str:
    return part if isinstance(part, Markup) else html.escape(part)


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


_BREAK = element("wbr")
