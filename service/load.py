"""The clients: `python -m service.load REQUESTS FOLDER`, a process of its own.

Each request is another tenant's. A file says when half of them are answered, another what came of
all of them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict
from itertools import count
from pathlib import Path

import httpx

from service import config
from service.sent import ANSWERED, FAILED, HUNG_UP, Sent

ENDPOINTS = ("sync", "sync-on-loop", "async", "stream", "async-stream")
HALF, SENT = "half", "sent.json"
_SECONDS = 300


async def main(requests: int, folder: Path) -> None:
    """Sends all requests, some at a time, and writes what came of them."""
    numbers, sent = count(), list[Sent]()
    limits = httpx.Limits(max_connections=config.AT_ONCE, max_keepalive_connections=config.AT_ONCE)
    address = config.read().app

    async def one_after_another(client: httpx.AsyncClient) -> None:
        while (number := next(numbers)) < requests:
            sent.append(await _send(client, number))
            if len(sent) == requests // 2:
                (folder / HALF).touch()

    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=_SECONDS) as client:
        await asyncio.gather(*(one_after_another(client) for _ in range(config.AT_ONCE)))
    beside = folder / f".{SENT}"
    beside.write_text(json.dumps([asdict(each) for each in sent]), encoding="utf-8")
    beside.replace(folder / SENT)


async def _send(client: httpx.AsyncClient, number: int) -> Sent:
    tenant, endpoint = f"tenant{number:06}", ENDPOINTS[number % len(ENDPOINTS)]
    headers = {"x-tenant": tenant, "baggage": f"tenant={tenant}"}
    hangs_up = "stream" in endpoint and number // len(ENDPOINTS) % config.HANGS_UP_EVERY == 0
    started = time.perf_counter()
    outcome, trace, worker = FAILED, "", 0
    try:
        async with client.stream("POST", f"/{endpoint}", headers=headers) as answer:
            trace = answer.headers.get("x-trace", "")
            worker = int(answer.headers.get("x-worker", 0))
            outcome = await _read(answer, tenant, hangs_up=hangs_up)
    except httpx.HTTPError:
        # Its worker was killed.
        outcome = FAILED
    return Sent(
        tenant, endpoint, outcome, trace, worker, time.perf_counter() - started, time.time()
    )


async def _read(answer: httpx.Response, tenant: str, *, hangs_up: bool) -> str:
    """Reads an answer; what comes must be the tenant's own."""
    text = ""
    async for piece in answer.aiter_text():
        text += piece
        if hangs_up:
            return HUNG_UP
    own = answer.is_success and text and all(word.startswith(tenant) for word in text.split())
    return ANSWERED if own else f"wrong: {answer.status_code} {text[:200]}"


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
