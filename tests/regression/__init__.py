"""What the patches promise, told by real loops, real OpenTelemetry and real MLflow.

`patches` names the patches that tests are marked with, `scenarios` the ways to call a Guard,
`stage` plays one of them, `loops` and `backends` are what it is played on, `oracle` judges it.
"""
