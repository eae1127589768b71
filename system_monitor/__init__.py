"""The system monitor: everything that happens, as it happens."""
