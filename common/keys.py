"""The names in Redis that more than one program uses, beside the cards' passes."""

JOURNAL = "transit-pass:events"
RECEIPT_PREFIX = "transit-pass:receipt:"
SPENT_PREFIX = "transit-pass:spent:"
DEVICES = "transit-pass:devices"
DEVICE_STATUS = "device-status"
CHANNELS = "pass-*", DEVICE_STATUS  # patterns that match all channels
