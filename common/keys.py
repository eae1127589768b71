"""The names in Redis that more than one program uses, beside the cards' passes."""

JOURNAL = "transit-pass:events"
RECEIPT_PREFIX = "transit-pass:receipt:"
SPENT_PREFIX = "transit-pass:spent:"
DEVICES = "transit-pass:devices"
CHANNELS = "pass-*"  # a pattern that matches all that are about passes
DEVICE_STATUS = "device-status"
