"""Text from cards, Redis or the network, made safe to print."""


def printable(text: object, limit: int = 200) -> str:
    """Return the text on one line, without anything that a terminal would act on.

    Args:
        text: anything; its `str` is taken.
        limit: the number of characters from which on it is cut short.
    """
    whole = str(text)
    if len(whole) <= limit and whole.isprintable():
        return whole
    shown = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in whole[:limit])
    return shown + "…" if len(whole) > limit else shown
