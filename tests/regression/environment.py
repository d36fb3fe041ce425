"""The process's environment, set before guardrails and MLflow are imported.

A HOME of its own keeps usage metrics off and the user's files out of reach; whatever would
fetch something from the network is told to use what is installed.
"""

import os
import tempfile
from pathlib import Path

RC = "id=tests\ntoken=\nenable_metrics=false\nuse_remote_inferencing=false\n"

SETTINGS = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    # MLflow writes a trace when its root ends, not some time later.
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "OTEL_SDK_DISABLED": "false",
}

UNWANTED = (
    "SSL_CERT_FILE",
    "GUARDRAILS_RUN_SYNC",
    "GUARDRAILS_PROCESS_COUNT",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_USE_DEFAULT_TRACER_PROVIDER",
    "OTEL_TRACES_EXPORTER",
)


def prepare() -> Path:
    """Sets the environment up; returns the folder that serves as HOME."""
    home = Path(tempfile.mkdtemp(prefix="regression-"))
    # guardrails keeps a log of all calls among the temporary files: one a process, then.
    tempfile.tempdir = str(home)
    (home / ".guardrailsrc").write_text(RC, encoding="utf-8")
    for name in UNWANTED:
        os.environ.pop(name, None)
    # Every Guard of 0.11.0 makes two HTTP clients, and each would read all of the machine's
    # certificates: 80 ms a Guard. No test connects to anything.
    os.environ.update(SETTINGS, HOME=str(home), TMPDIR=str(home), SSL_CERT_DIR=str(home))
    return home
