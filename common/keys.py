"""The keys in Redis that are no cards' passes."""

JOURNAL = "transit-pass:events"
RECEIPT_PREFIX = "transit-pass:receipt:"
