"""The package index that the user's pip is configured with, and downloads from it."""

from __future__ import annotations

import ast
import logging
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scripts import report
from scripts.errors import Failure

if TYPE_CHECKING:
    from unearth import Link, PackageFinder
    from unearth.fetchers import PyPIClient

PROJECT = "guardrails-ai"
_TIMEOUT = 15.0  # seconds, as pip's own default


@dataclass(frozen=True)
class Settings:
    """What pip is configured with, as far as fetching goes.

    Attributes:
        index_url: The main index; empty for the default one.
        extra_index_urls: Further indexes.
        find_links: Folders or pages with links.
        trusted_hosts: Hosts whose certificates are not checked.
        no_index: Whether `find_links` are all there is.
        cert: A file of certificates; empty for the default ones.
        proxy: A proxy's URL; empty for the environment's.
        timeout: Seconds to wait for the network.
    """

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    no_index: bool = False
    cert: str = ""
    proxy: str = ""
    timeout: float = _TIMEOUT


def pip_settings() -> Settings:
    """Ask the pip of the running Python for its settings, from files and environment alike.

    Raises:
        Failure: If there is no pip to ask.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"cannot ask pip for its index: {redacted(done.stderr.strip()[-300:])}")
    return parse_settings(done.stdout)


def parse_settings(listing: str) -> Settings:
    """Read `pip config list`; the environment beats `[download]`, which beats `[global]`."""
    values = _values(listing)
    timeout = values.get("timeout") or values.get("default-timeout") or ""
    return Settings(
        index_url=values.get("index-url", ""),
        extra_index_urls=tuple(values.get("extra-index-url", "").split()),
        find_links=tuple(values.get("find-links", "").split()),
        trusted_hosts=tuple(values.get("trusted-host", "").split()),
        no_index=values.get("no-index", "").lower() in {"1", "true", "yes", "on"},
        cert=values.get("cert", ""),
        proxy=values.get("proxy", ""),
        timeout=float(timeout) if re.fullmatch(r"\d+(\.\d+)?", timeout) else _TIMEOUT,
    )


def _values(listing: str) -> dict[str, str]:
    sections: dict[str, dict[str, str]] = {}
    for row in listing.splitlines():
        # ":env:.index-url='…'" or "global.index-url='…'"
        if match := re.fullmatch(r"(:env:|[\w-]+)\.([\w-]+)=(['\"].*)", row):
            value = str(ast.literal_eval(match[3])).strip()
            sections.setdefault(match[1], {})[match[2]] = value
    merged: dict[str, str] = {}
    for section in ("global", "install", "download", ":env:"):
        merged |= {key: value for key, value in sections.get(section, {}).items() if value}
    return merged


def candidates(version: str, settings: Settings) -> list[Link]:
    """The links to a release's sdist, from every place that pip is configured with.

    A place that is missing or does not answer is passed over, as pip does, if another has the file.

    Raises:
        Failure: If no place has it; says which places were asked.
    """
    found: list[Link] = []
    with _client(settings) as client, _warnings() as notes:
        for finder in _finders(settings, client):
            try:
                matches = finder.find_matches(f"{PROJECT}=={version}", allow_yanked=True)
                found += [
                    match.link for match in matches if match.link.filename.endswith(".tar.gz")
                ]
            except Exception as error:  # whatever a broken place raises
                notes.append(f"{_place(finder)}: {_reason(error)}")
    if not found:
        raise Failure(_not_found(version, settings, notes))
    return found


def download(link: Link, settings: Settings) -> bytes:
    """Download a link.

    Returns:
        The file's content; whoever uses it checks its hash.

    Raises:
        Failure: If the download fails or is cut short.
    """
    with (
        tempfile.TemporaryDirectory() as scratch,
        _client(settings) as client,
        report.progress(link.filename) as reporter,
    ):
        return _fetched(link, Path(scratch), client, reporter)


def _fetched(link: Link, scratch: Path, client: PyPIClient, reporter: report.Reporter) -> bytes:
    from unearth.preparer import download_link

    def advance(link: Link, completed: int, total: int | None) -> None:  # noqa: ARG001
        reporter(completed, total)

    try:
        # An empty table of hashes: the library would else check the index's own, with a worse text.
        return download_link(cast("Any", client), link, scratch, {}, advance).read_bytes()
    except OSError:
        raise
    except Exception as error:  # whatever the network raises
        raise Failure(f"{link.redacted}: download failed: {_reason(error)}") from None


def _finders(settings: Settings, client: PyPIClient) -> Iterator[PackageFinder]:
    for place in settings.find_links:
        yield _finder(client, find_links=[_url(place)])
    if settings.no_index:
        return
    # Without an index URL the library takes its default one.
    yield _finder(client, index_urls=[_url(settings.index_url)] if settings.index_url else [])
    for url in settings.extra_index_urls:
        yield _finder(client, index_urls=[_url(url)])


def _finder(client: PyPIClient, **places: list[str]) -> PackageFinder:
    from unearth import PackageFinder

    options: dict[str, Any] = {"no_binary": [PROJECT], "ignore_compatibility": True, **places}
    return PackageFinder(cast("Any", client), **options)


def _url(place: str) -> str:
    # As a URL, a folder that is missing is passed over; as a path, the library refuses it.
    return place if "://" in place else Path(place).expanduser().resolve().as_uri()


def _place(finder: PackageFinder) -> str:
    return redacted(finder.sources[0]["url"])


@contextmanager
def _client(settings: Settings) -> Iterator[PyPIClient]:
    import ssl

    from unearth.auth import MultiDomainBasicAuth
    from unearth.fetchers import PyPIClient

    options: dict[str, Any] = {"timeout": settings.timeout, "follow_redirects": True}
    if settings.cert:
        options["verify"] = ssl.create_default_context(cafile=settings.cert)
    if settings.proxy:
        options["proxy"] = settings.proxy
    urls = [settings.index_url, *settings.extra_index_urls]
    auth = MultiDomainBasicAuth(prompting=False, index_urls=[url for url in urls if url])
    with PyPIClient(trusted_hosts=settings.trusted_hosts, auth=auth, **options) as client:
        yield client


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect what the library would print about places that do not answer."""
    notes: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: notes.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("unearth")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield notes
    finally:
        logger.removeHandler(handler)
        logger.propagate = True


def _not_found(version: str, settings: Settings, notes: list[str]) -> str:
    default = settings.index_url or "pip's default index"
    indexes = [] if settings.no_index else [default, *settings.extra_index_urls]
    asked = ", ".join(map(redacted, [*settings.find_links, *indexes]))
    why = f" ({'; '.join(map(redacted, notes))})" if notes else ""
    return f"{PROJECT} {version}: no sdist found in {asked or 'no place at all'}{why}"


def _reason(error: Exception) -> str:
    return redacted(str(error) or type(error).__name__).splitlines()[0]


def redacted(text: str) -> str:
    """A text without the user names and passwords in its URLs."""
    return re.sub(r"://[^/\s@]+@", "://***@", text)
