"""The scoreboard: every release, as published and patched, before the same probes.

`probes` has one situation after another, by defect; `play` runs them on one tree and prints what
broke; `trees` lays the trees out and says what each needs; `run` plays them all, and `board` adds
up and writes the page.
"""
