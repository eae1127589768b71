"""Drills: faults as they come, by the hundred, and what the system makes of them.

Each drill is a function that returns what it counted. `python -m tests.drills` runs them all and prints a table.
"""
