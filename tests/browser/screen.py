"""A page as one person has it in front of them, and what it did that nobody sees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Route

Scheme = Literal["light", "dark"]
SHOTS = Path("out/browser")
# A browser's own pages and what a page has in itself; nothing is fetched for them.
_INSIDE = ("about:", "blob:", "data:")


@dataclass
class Screen:
    """An open page.

    Attributes:
        page: The page.
        asked: What it asked for outside of where it may.
        complaints: What it wrote to the console as an error, or threw.
    """

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def shoot(self, name: str, *, whole: bool = False, part: Locator | None = None) -> None:
        """Keep a picture of what is in sight, of the whole page, or of a part of it."""
        path = SHOTS / f"{name}.png"
        if part:
            part.screenshot(path=path)
        else:
            self.page.screenshot(path=path, full_page=whole)

    def on_console(self, message: ConsoleMessage) -> None:
        """Note what it complains about."""
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")


@contextmanager
def screen(
    browser: Browser,
    inside: str,
    width: int,
    *,
    height: int = 900,
    scheme: Scheme = "light",
    scale: float = 1,
) -> Iterator[Screen]:
    """An empty page that gets nothing from elsewhere.

    Args:
        browser: The browser.
        inside: How the addresses begin that it may ask for.
        width: The width of the window.
        height: Its height.
        scheme: The colours that its owner prefers.
        scale: How many dots of the screen a pixel of the page has.
    """
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        device_scale_factor=scale,
        locale="en-GB",
    )
    shown = Screen(context.new_page())

    def guard(route: Route) -> None:
        address = route.request.url
        if address.startswith((inside, *_INSIDE)):
            route.continue_()
        else:
            shown.asked.append(address)
            route.abort()

    context.route("**/*", guard)
    shown.page.on("console", shown.on_console)
    shown.page.on("pageerror", lambda error: shown.complaints.append(str(error)))
    try:
        yield shown
    finally:
        context.close()
