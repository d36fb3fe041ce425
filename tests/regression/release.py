"""The release under test, and what is particular to it."""

from importlib.metadata import version


def release(distribution: str = "guardrails-ai") -> tuple[int, ...]:
    """An installed distribution's release as a tuple: (0, 11, 0)."""
    public = version(distribution).split("+")[0]
    return tuple(int(part) for part in public.split(".") if part.isdigit())


# `get_loop` makes an event loop in a thread that has none; before, validation falls back to
# the sequential service there.
MAKES_LOOPS = release() >= (0, 11, 0)

# MlFlowInstrumentor wraps `async_validate` besides `validate`.
TRACES_ASYNC_VALIDATE = release() >= (0, 6, 1)

# What steps and calls record of their arguments is redacted. The patch for that starts here.
REDACTS = release() >= (0, 6, 3)

# MLflow has one provider with OpenTelemetry on request. Before, the setting only decided about
# the global provider, and spans of others were never part of MLflow's traces.
SHARES_PROVIDER = release("mlflow") >= (3, 5, 0)
