"""The package of the stand-in beside it."""
# ruff: noqa: N999
