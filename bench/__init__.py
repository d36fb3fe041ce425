"""What carrying the context costs: against peers, and patched against published.

`hop` times one call in a worker thread with pyperf, `rounds` whole Guards of two trees in turns,
`keeping` what a process holds after many calls, `tools` this project's own commands. Each writes
JSON into `out/bench/`; `report` makes tables, plots and docs/performance.md of it.
"""
