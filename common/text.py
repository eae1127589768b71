"""Text on a terminal: what is safe to print, and whether in colour."""

import os
import sys


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


def takes_colours() -> bool:
    """Return whether the standard output is a terminal that shows colours, and whose user wants them (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
