"""All probes; importing this makes the cells."""

from scoreboard.probes import calls, isolation, loops, mlflow, siblings, streams, validations

__all__ = ["calls", "isolation", "loops", "mlflow", "siblings", "streams", "validations"]
