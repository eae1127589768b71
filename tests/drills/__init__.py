"""Drills: faults by the hundred, and how the system handles them.

Each drill is a function that returns what it counted. `python -m tests.drills` runs them all and prints a table.
"""
