"""Fetching: pip's settings, the index that they name, the cache, and what can go wrong."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from checkout import Checkout, sdist
from regression.waiting import PATIENCE

from scripts import index
from scripts.index import Settings

FILE = "guardrails_ai-2.0.0.tar.gz"


@dataclass
class Server:
    """A package index on this machine."""

    url: str
    pages: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def offer(self, content: bytes, name: str = FILE, sha256: str | None = None) -> None:
        sha256 = sha256 or hashlib.sha256(content).hexdigest()
        link = f'<a href="../../files/{name}#sha256={sha256}">{name}</a>'
        self.pages["/simple/guardrails-ai/"] = (200, "text/html", link.encode())
        self.pages[f"/files/{name}"] = (200, "application/gzip", content)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            code, kind, body = made.pages.get(self.path, (404, "text/html", b""))
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if self.path in made.cut else body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        made = Server(f"http://127.0.0.1:{http.server_port}/simple/")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        http.shutdown()
        thread.join(PATIENCE)


@pytest.fixture
def online(checkout: Checkout, server: Server, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout whose user has configured pip with the server."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", server.url)
    checkout.offline = False
    return checkout


def build_again(checkout: Checkout) -> tuple[int, str]:
    result = checkout.run("apply-patches", "--release", "2.0.0", "--force")
    return result.code, result.err


def test_the_sdist_comes_from_pips_index_and_is_cached(
    online: Checkout, server: Server, cache: Path
) -> None:
    server.offer(sdist("2.0.0"))
    assert build_again(online) == (0, f"fetching {FILE}\n")
    assert [path.name for path in cache.iterdir()] == [FILE]
    server.asked.clear()
    assert build_again(online) == (0, "")
    assert server.asked == []


def test_a_corrupted_cached_file_is_refused(online: Checkout, server: Server, cache: Path) -> None:
    server.offer(sdist("2.0.0"))
    cache.mkdir(parents=True)
    (cache / FILE).write_bytes(b"corrupted")
    code, err = build_again(online)
    assert code == 1
    expected = online.lock["2.0.0"].sha256
    actual = hashlib.sha256(b"corrupted").hexdigest()
    assert err == (
        f"error: {cache / FILE} (delete it to go on): refused: "
        f"its sha256 is {actual}, the lock says {expected}\n"
    )
    assert (cache / FILE).read_bytes() == b"corrupted"
    assert server.asked == []


def test_a_wrong_file_on_the_index_is_refused_and_not_cached(
    online: Checkout, server: Server, cache: Path
) -> None:
    server.offer(sdist("2.0.0", {"guardrails/evil.py": "boom\n"}))
    code, err = build_again(online)
    assert code == 1
    assert "refused: its sha256 is" in err
    assert not cache.exists() or list(cache.iterdir()) == []


def test_an_interrupted_download_is_refused_and_not_cached(
    online: Checkout, server: Server, cache: Path
) -> None:
    server.offer(sdist("2.0.0"))
    server.cut.add(f"/files/{FILE}")
    before = online.snapshot()
    code, err = build_again(online)
    assert code == 1
    assert f"{FILE}: download failed: " in err
    assert not cache.exists() or list(cache.iterdir()) == []
    assert online.snapshot() == before


@pytest.mark.parametrize("status", [404, 500])
def test_an_index_that_has_no_page_is_named(online: Checkout, server: Server, status: int) -> None:
    server.pages["/simple/guardrails-ai/"] = (status, "text/html", b"")
    code, err = build_again(online)
    assert code == 1
    assert err.startswith(f"error: guardrails-ai 2.0.0: no sdist found in {server.url} (")
    assert str(status) in err
    assert len(err.splitlines()) == 1


def test_an_index_that_does_not_answer_is_named_without_its_password(
    online: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://ada:secret@127.0.0.1:9/simple/")
    code, err = build_again(online)
    assert code == 1
    assert "no sdist found in http://***@127.0.0.1:9/simple/" in err
    assert "secret" not in err


def test_places_that_are_missing_are_passed_over(
    online: Checkout, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.offer(sdist("2.0.0"))
    nowhere = f"file://{tmp_path}/nowhere/simple http://127.0.0.1:9/simple/"
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", nowhere)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    assert build_again(online) == (0, f"fetching {FILE}\n")


def test_of_two_places_the_one_with_the_locked_hash_is_taken(
    online: Checkout, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.offer(sdist("2.0.0"))
    other = tmp_path / "links"
    other.mkdir()
    (other / FILE).write_bytes(b"another")
    monkeypatch.setenv("PIP_FIND_LINKS", str(other))
    assert build_again(online) == (0, f"fetching {FILE}\n")


def test_no_index_with_find_links_needs_no_network(
    online: Checkout, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(online.sdists))
    assert build_again(online) == (0, f"fetching {FILE}\n")
    assert server.asked == []


def test_no_index_and_no_links_is_said(online: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert build_again(online)[1] == (
        "error: guardrails-ai 2.0.0: no sdist found in no place at all\n"
    )


def test_an_index_page_may_be_on_disk(
    online: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "simple" / "guardrails-ai" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="{(online.sdists / FILE).as_uri()}">{FILE}</a>')
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "simple").as_uri())
    assert build_again(online) == (0, f"fetching {FILE}\n")


def test_a_release_is_locked_from_the_index(online: Checkout, server: Server) -> None:
    server.offer(sdist("2.1.0"), "guardrails_ai-2.1.0.tar.gz")
    result = online.run("lock", "--release", "2.1.0")
    assert result.code == 0
    assert online.lock["2.1.0"].sha256 == hashlib.sha256(sdist("2.1.0")).hexdigest()


def test_a_release_whose_hash_is_not_the_indexs_own_is_not_locked(
    online: Checkout, server: Server
) -> None:
    server.offer(sdist("2.1.0"), "guardrails_ai-2.1.0.tar.gz", sha256="a" * 64)
    result = online.run("lock", "--release", "2.1.0")
    assert result.code == 1
    assert f"the index says {'a' * 64}" in result.err
    assert "2.1.0" not in online.lock


def test_the_environment_beats_the_command_beats_the_global_section() -> None:
    listing = """\
:env:.find-links='/a /b'
download.index-url='https://download.example.org/simple'
global.cert='/etc/cert.pem'
global.extra-index-url='\\nfile:///one\\nhttps://u:p@two.example.org/simple'
global.find-links='/c'
global.index-url='https://global.example.org/simple'
global.no-index='true'
global.proxy='http://proxy.example.org:3128'
global.timeout='60'
global.trusted-host='one.example.org two.example.org'
install.index-url='https://install.example.org/simple'
user.nothing='x'
not a setting
"""
    assert index.parse_settings(listing) == Settings(
        index_url="https://download.example.org/simple",
        extra_index_urls=("file:///one", "https://u:p@two.example.org/simple"),
        find_links=("/a", "/b"),
        trusted_hosts=("one.example.org", "two.example.org"),
        no_index=True,
        cert="/etc/cert.pem",
        proxy="http://proxy.example.org:3128",
        timeout=60.0,
    )


def test_without_settings_the_library_chooses_the_index() -> None:
    assert index.parse_settings("") == Settings()
    with index._client(Settings()) as client:
        (finder,) = index._finders(Settings(), client)
    assert [source["type"] for source in finder.sources] == ["index"]


def test_credentials_are_redacted() -> None:
    text = "see https://ada:secret@example.org/simple and http://token@example.org"
    assert index.redacted(text) == ("see https://***@example.org/simple and http://***@example.org")
