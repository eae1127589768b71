"""The demo's page, for its film."""

from tests.simulator.conftest import browser, demo, page

__all__ = ["browser", "demo", "page"]
