"""The environment of a process that plays, set before guardrails is imported."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

RC = "id=tests\ntoken=\nenable_metrics=false\nuse_remote_inferencing=false\n"
UNWANTED = ("SSL_CERT_FILE", "GUARDRAILS_RUN_SYNC", "GUARDRAILS_PROCESS_COUNT")


def prepare() -> None:
    """Gives this process a home of its own: nothing is sent, and nothing of the user's is read."""
    home = Path(tempfile.mkdtemp(prefix="parity-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    tempfile.tempdir = str(home)
    (home / ".guardrailsrc").write_text(RC, encoding="utf-8")
    for name in UNWANTED:
        os.environ.pop(name, None)
    # Every Guard of 0.11.0 makes two HTTP clients, which would read the machine's certificates.
    places = dict.fromkeys(("HOME", "TMPDIR", "SSL_CERT_DIR"), str(home))
    os.environ.update(places, LITELLM_LOCAL_MODEL_COST_MAP="True")
