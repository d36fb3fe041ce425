"""The limit of a test is the same in all folders; `regression` has a configuration of its own."""

pytest_plugins = ("regression.limits",)
