"""Builds the patched guardrails-ai trees and looks after the patch series.

Data goes one way: lock, sdist, tree, series, tests. `python -m scripts --help` lists the commands.
"""
