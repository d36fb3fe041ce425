"""Guardrails in a web service: whole traces under load, across two services, in MLflow's store."""
