"""The demo's page, for its film."""

from tests.simulator.conftest import demo, page

__all__ = ["demo", "page"]
