"""Commands as they go over the wire, for where redis-py takes too long to write them."""


def command(*words: object) -> bytes:
    """Return a command in RESP 2, the protocol of Redis."""
    encoded = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
