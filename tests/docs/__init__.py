"""The documentation: what it links to, runs, quotes and lists is there."""
