"""What the processes of one run have in common; they hand it on in their environment."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "SERVICE_TEST"
# What docs/production.md recommends; only the addresses are others here.
PRODUCTION = Path(__file__).with_name("production.env")
WORKERS = 2
AT_ONCE = 64
# Every tenth client of a stream hangs up after its first chunk.
HANGS_UP_EVERY = 10


@dataclass(frozen=True)
class Config:
    """One run.

    Attributes:
        tree: Which guardrails it has: `published` or `patched`.
        backend: Who records spans in the application: `opentelemetry` or `mlflow`.
        loop: The event loop of the application's workers: `asyncio` or `uvloop`.
        mlflow: The address of MLflow's tracking server.
        llm: The address of the service that stands for an LLM.
        app: The address of the application.
        experiment: The id of the experiment that the spans go to.
    """

    tree: str
    backend: str
    loop: str
    mlflow: str = ""
    llm: str = ""
    app: str = ""
    experiment: str = ""

    @property
    def name(self) -> str:
        """The run in words."""
        return f"{self.tree}-{self.backend}-{self.loop}"

    def variables(self) -> dict[str, str]:
        """What a process needs in its environment to read this again."""
        return {VARIABLE: json.dumps(asdict(self))}

    def otlp(self, service: str) -> dict[str, str]:
        """OpenTelemetry's settings for a process that sends spans itself.

        Args:
            service: What its spans say that it is.
        """
        rows = PRODUCTION.read_text(encoding="utf-8").splitlines()
        settings = dict(row.split("=", 1) for row in rows if row and not row.startswith("#"))
        return {
            **settings,
            "OTEL_SERVICE_NAME": service,
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{self.mlflow}/v1/traces",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": f"x-mlflow-experiment-id={self.experiment}",
        }


def read() -> Config:
    """The run that this process belongs to."""
    return Config(**json.loads(os.environ[VARIABLE]))
