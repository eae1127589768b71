"""Stands in for the package RPi on a machine that is no Raspberry Pi."""
# ruff: noqa: N999  # the real package's name
