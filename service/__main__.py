"""`python -m service TREE BACKEND LOOP REQUESTS FOLDER`: one run, from first start to verdict."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import httpx

from demo.server import HOST, NotStarted, root, serving
from service import judge, processes
from service.config import Config
from service.load import HALF, SENT
from service.processes import Broken, started
from service.sent import Sent
from soak.meter import resident

LOAD_SECONDS = 1200
STORE = "mlflow.db"
# One provider for MLflow and OpenTelemetry, so that both record one trace. OpenTelemetry's settings
# for OTLP must not be there: MLflow would send its spans there, and not to its own server. A trace
# is sent as it ends: a queue would take an unknown part of the traces along with the killed worker.
_SHARED = {
    "MLFLOW_USE_DEFAULT_TRACER_PROVIDER": "false",
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
}


def main(kind: Config, requests: int, folder: Path) -> int:
    """Plays a run.

    Args:
        kind: What kind of run it is; its addresses are found here.
        requests: How many requests the clients send.
        folder: Where to keep what was found.

    Returns:
        0 if it came to its end, whatever was found; that is in `FOLDER/NAME.json`.
    """
    ports = _free_ports(3)
    mlflow, llm, app = map(root, ports)
    config = replace(kind, mlflow=mlflow, llm=llm, app=app)
    place = folder / config.name
    place.mkdir(parents=True)
    try:
        sent, killed, memory = _played(config, ports, place, requests)
        verdict = judge.judge(sent, judge.read_spans(place / STORE), killed)
        watched = judge.watch(place / STORE)
    except (Broken, NotStarted) as broken:
        print(f"error: {config.name}: {broken}: see the logs in {place}", file=sys.stderr)
        return 1
    result = {
        **asdict(config),
        **vars(verdict),
        "faults": verdict.faults,
        "watched": watched,
        "memory": memory,
    }
    (folder / f"{config.name}.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    return 0


def _played(
    config: Config, ports: list[int], place: Path, requests: int
) -> tuple[list[Sent], tuple[int, float], dict[str, list[float]]]:
    """Starts everything, has the clients send their requests, and ends everything."""
    with serving(place / STORE, ports[0], place / "mlflow.log"):
        config = replace(config, experiment=_experiment(config.mlflow))
        sends = _SHARED if config.backend == "mlflow" else config.otlp("app")
        llm = processes.uvicorn("service.llm:app", ports[1])
        app = processes.application(config, ports[2])
        # As they end, the services send what they still have.
        with (
            started("llm", llm, place, {**config.variables(), **config.otlp("llm")}),
            started("app", app, place, {**config.variables(), **sends}),
        ):
            processes.until("the LLM's service", lambda: processes.ask(f"{config.llm}/ready"))
            return _loaded(config, place, requests)


def _loaded(
    config: Config, place: Path, requests: int
) -> tuple[list[Sent], tuple[int, float], dict[str, list[float]]]:
    """Lets the clients send; kills a worker in the middle, and sees to it that another comes."""
    before = processes.workers(config.app)
    memory = {"before": _sizes(before)}
    command = [sys.executable, "-m", "service.load", str(requests), str(place)]
    with started("clients", command, place, config.variables()) as clients:
        processes.until("half of the answers", lambda: _came(clients, place / HALF), LOAD_SECONDS)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        killed = victim, time.time()
        processes.until("the other half", lambda: _came(clients, place / SENT), LOAD_SECONDS)
    after = processes.workers(config.app)
    if victim in after or after == before:
        raise Broken("no other worker came for the one that was killed")
    memory["after"] = _sizes(after)
    return [Sent(**each) for each in json.loads((place / SENT).read_text())], killed, memory


def _came(clients: subprocess.Popen[bytes], file: Path) -> bool | None:
    """Whether the clients have come as far as to write a file; they must not end before."""
    ended = clients.poll() is not None
    if file.exists():
        return True
    if ended:
        raise Broken("the clients broke off")
    return None


def _sizes(workers: set[int]) -> list[float]:
    return sorted(map(resident, workers))


def _experiment(mlflow: str) -> str:
    answer = httpx.post(f"{mlflow}/api/2.0/mlflow/experiments/create", json={"name": "service"})
    return str(answer.raise_for_status().json()["experiment_id"])


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


if __name__ == "__main__":
    tree, backend, loop, requests, folder = sys.argv[1:]
    sys.exit(main(Config(tree, backend, loop), int(requests), Path(folder).resolve()))
