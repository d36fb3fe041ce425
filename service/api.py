"""guardrails-api, guardrails' own server, asked as an OpenAI client does: `python -m service.api`.

Its LLM callable keeps the completion in a ContextVar, and reads it where the Guard was called, or
between two chunks of its stream. The model is a local server that speaks OpenAI's protocol.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import uvicorn

WORDS = ("One. ", "Two. ", "Three.")
PATIENCE = 120.0
GUARD = """\
from guardrails import Guard
from guardrails.validator_base import PassResult, Validator, register_validator


@register_validator(name="service/passes", data_type="string")
class Passes(Validator):
    def _validate(self, value, metadata):
        return PassResult()


passing = Guard(id="passing", name="passing").use(Passes())
"""


class Model(BaseHTTPRequestHandler):
    """Answers every question with the same words, at once or in chunks."""

    def do_POST(self) -> None:
        """Completes a chat."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        stream = bool(asked.get("stream"))
        content = _chunks() if stream else json.dumps(_completion("message", "".join(WORDS)))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if stream else "application/json")
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


def _chunks() -> str:
    chunks = [_completion("delta", word) for word in WORDS]
    chunks[-1]["choices"][0]["finish_reason"] = "stop"
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def _completion(part: str, content: str) -> dict[str, Any]:
    kind = "chat.completion" if part == "message" else "chat.completion.chunk"
    choice = {"index": 0, part: {"role": "assistant", "content": content}}
    choice["finish_reason"] = "stop" if part == "message" else None
    return {"id": "1", "object": kind, "created": 1, "model": "fake", "choices": [choice]}


@contextmanager
def _model() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()


@contextmanager
def _api(config: Path) -> Iterator[str]:
    """Serves a configuration's guards; gives the address."""
    from guardrails_api.app import create_app

    server = uvicorn.Server(
        uvicorn.Config(create_app(config=str(config)), port=0, log_level="error")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "guardrails-api did not start"
        thread.join(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(PATIENCE)


def _ask(address: str, stream: bool) -> httpx.Response:
    question = {
        "model": "openai/fake",
        "messages": [{"role": "user", "content": "Count."}],
        "stream": stream,
    }
    place = f"{address}/guards/passing/openai/v1/chat/completions"
    return httpx.post(place, json=question, timeout=PATIENCE)


def _faults(address: str) -> Iterator[str]:
    for stream in (False, True):
        what = "a streamed completion" if stream else "a completion"
        try:
            answer = _ask(address, stream)
        except httpx.HTTPError as error:
            yield f"{what}: {error}"
            continue
        if answer.status_code != 200 or not all(word.strip() in answer.text for word in WORDS):
            yield f"{what}: {answer.status_code} {answer.text[:200]!r}"


def main() -> int:
    """Asks for a completion, whole and streamed.

    Returns:
        0 if both came; 1 otherwise, with a line that says what came in their place.
    """
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        config = Path(folder) / "config.py"
        config.write_text(GUARD, encoding="utf-8")
        with _model() as model:
            os.environ.update(OPENAI_API_KEY="none", OPENAI_API_BASE=model, OPENAI_BASE_URL=model)
            with _api(config) as address:
                faults = list(_faults(address))
    for fault in faults:
        print(f"guardrails-api: {fault}", file=sys.stderr)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
