"""What the commands take: cards, taps, ids, names and reasons."""

import argparse
import getpass
import re
from collections.abc import Callable
from typing import TypeAlias

from common.cards import Card
from common.passes import PassType
from common.settings import Settings

PASS_TYPES = {"single": PassType.SINGLE_USE, "ten": PassType.TEN_TRIP, "two-hour": PassType.TWO_HOUR}
LONGEST_OPERATOR, LONGEST_REASON = 32, 200

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Run = Callable[[argparse.Namespace, Settings], object]


def add_command(commands: Commands, name: str, text: str, example: str, run: Run) -> argparse.ArgumentParser:
    """Add a command, whose `--help` ends with the example; `run` gets the options and the settings."""
    parser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example: python -m back_office {name} {example}",
    )
    parser.set_defaults(run=run)
    return parser


def card(text: str) -> str:
    """Return a card's serial number, given that or `uid:` and the UID in hexadecimal.

    Raises:
        argparse.ArgumentTypeError: the text is neither.
    """
    if re.fullmatch(r"\d{1,25}", text, re.ASCII):
        return str(int(text))
    digits = text.removeprefix("uid:").replace(":", "")
    if text.startswith("uid:") and (found := Card.with_uid(digits)):
        return found.serial_number
    raise argparse.ArgumentTypeError("expected a number such as 43405556992, or a UID such as uid:0A1B2C3D")


def tap(text: str) -> str:
    """Return a tap's session and number.

    Raises:
        argparse.ArgumentTypeError: the text is no such thing.
    """
    if not re.fullmatch(r"[0-9a-f]{1,32}-[1-9]\d{0,14}", text, re.ASCII):
        raise argparse.ArgumentTypeError("expected a tap such as 9f86d081884c7d65-4, as `show CARD --json` has it")
    return text


def change_id(text: str) -> str:
    """Return the id of a change.

    Raises:
        argparse.ArgumentTypeError: the text is none.
    """
    if not re.fullmatch(r"[0-9a-f]{16}", text):
        raise argparse.ArgumentTypeError("expected an id that a change has printed, such as 1f2e3d4c5b6a7988")
    return text


def trips(text: str) -> int:
    """Return a number of trips from 1 to 9: a ten trip pass has at least one left.

    Raises:
        argparse.ArgumentTypeError: the text is none.
    """
    if not re.fullmatch("[1-9]", text):
        raise argparse.ArgumentTypeError("expected a number of trips from 1 to 9")
    return int(text)


def words(limit: int) -> Callable[[str], str]:
    """Return a function that takes printable text of at most this many characters, without blanks around it."""

    def check(text: str) -> str:
        text = text.strip()
        if not text or not text.isprintable() or len(text) > limit:
            raise argparse.ArgumentTypeError(f"expected printable text of at most {limit} characters")
        return text

    return check


def login_name() -> str | None:
    """Return the name of whoever runs this, if it has one that can be printed."""
    try:
        return words(LONGEST_OPERATOR)(getpass.getuser())
    except (OSError, KeyError, ImportError, argparse.ArgumentTypeError):
        return None
