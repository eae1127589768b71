"""Text from cards, Redis or the network, made safe to print."""


def printable(text: object, limit: int = 200) -> str:
    """Return the text on one line, with non-printable characters escaped.

    Args:
        text: anything; its `str` is taken.
        limit: the number of characters after which it is cut.
    """
    whole = str(text)
    if len(whole) <= limit and whole.isprintable():
        return whole
    shown = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in whole[:limit])
    return shown + "…" if len(whole) > limit else shown
