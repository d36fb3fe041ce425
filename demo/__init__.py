"""The report's own scenario, played on released and on patched trees, and what came of it.

`scenario` runs in each subject's environment and writes what it saw; `report` compares, in the
terminal and as a `page`; `ui` opens MLflow's pages on the same store.
"""
