"""The entry gate: one tap, one entry."""
