"""Measurements against bounds, side by side. `python -m tests.benchmark` makes them all and prints a table."""
