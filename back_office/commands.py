"""The commands that change a pass: each shows what it would do, asks, and does it once."""

import argparse
import secrets
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from back_office import desk, options
from back_office.desk import Change, RefusedError
from back_office.holding import Holding
from common.settings import Settings
from common.text import printable

if TYPE_CHECKING:  # it needs the package redis, and --help does not
    from back_office.store import Store

_Plan = Callable[["Store", argparse.Namespace], Change]


def add(commands: options.Commands) -> None:
    """Add the commands; the receipt of a change keeps its name with the options that are named last."""
    issue = _add(
        commands, "issue", "sell a pass at the desk, as a terminal does", "43405556992 ten", _issue, "pass_type"
    )
    issue.add_argument("card", type=options.card, metavar="CARD")
    issue.add_argument("pass_type", choices=options.PASS_TYPES)

    block = _add(
        commands, "block", "let a pass open no gate until it is unblocked", '43405556992 --reason "lost"', _block
    )
    block.add_argument("card", type=options.card, metavar="CARD")
    _add_reason(block)

    unblock = _add(commands, "unblock", "let a blocked pass open gates again", "43405556992", _unblock)
    unblock.add_argument("card", type=options.card, metavar="CARD")

    move = _add(commands, "move", "move a pass to a card that has none", "43405556992 uid:04A1B2C3D4E5F6", _move, "to")
    move.add_argument("card", type=options.card, metavar="OLD")
    move.add_argument("to", type=options.card, metavar="NEW")

    credit = _add(commands, "credit", "give trips back to a ten trip pass", "43405556992 2", _credit, "trips")
    credit.add_argument("card", type=options.card, metavar="CARD")
    credit.add_argument("trips", type=options.trips, metavar="N", nargs="?", default=1, help="how many (1)")

    reverse = _add(
        commands, "reverse", "give back the trip of a tap that showed no green", "9f86d081884c7d65-4", _reverse, "tap"
    )
    reverse.add_argument("tap", type=options.tap, metavar="TAP", help="its session and number: `show` names those owed")
    reverse.add_argument("--card", type=options.card, help="give the trip to this card, not to the one that was tapped")

    void = _add(commands, "void", "end a pass", '43405556992 --reason "refunded"', _void)
    void.add_argument("card", type=options.card, metavar="CARD")
    _add_reason(void)


def _add(
    commands: options.Commands, name: str, text: str, example: str, plan: _Plan, *identity: str
) -> argparse.ArgumentParser:
    parser = options.add_command(commands, name, text, example, partial(_run, plan))
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--id", type=options.change_id, help="repeat the change that has printed this id")
    operator = options.words(options.LONGEST_OPERATOR)
    parser.add_argument("--operator", type=operator, metavar="NAME", help="who does this (your login name)")
    parser.set_defaults(identity=identity)
    return parser


def _add_reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", type=options.words(options.LONGEST_REASON), metavar="TEXT", required=True)


def _issue(store: "Store", given: argparse.Namespace) -> Change:
    return desk.issue(store.look(given.card), options.PASS_TYPES[given.pass_type])


def _block(store: "Store", given: argparse.Namespace) -> Change:
    return desk.block(store.look(given.card), given.reason)


def _unblock(store: "Store", given: argparse.Namespace) -> Change:
    return desk.unblock(store.look(given.card))


def _move(store: "Store", given: argparse.Namespace) -> Change:
    return desk.move(store.look(given.card), store.look(given.to))


def _credit(store: "Store", given: argparse.Namespace) -> Change:
    return desk.credit(store.look(given.card), given.trips)


def _reverse(store: "Store", given: argparse.Namespace) -> Change:
    owed = store.owed_trip(given.tap)
    return desk.give_back(store.look(given.card or owed.card), owed)


def _void(store: "Store", given: argparse.Namespace) -> Change:
    return desk.void(store.look(given.card), given.reason)


def _run(plan: _Plan, given: argparse.Namespace, settings: Settings) -> None:
    """Do what the command says, or find by its id that it is done.

    Raises:
        RefusedError: it is not done.
        RedisError: Redis cannot be reached, or refuses; it is not done.
    """
    from back_office.store import Store

    operator = given.operator or options.login_name()
    if operator is None:
        raise RefusedError("your login name cannot be used: say who you are with --operator NAME")
    store = Store(settings, f"{settings.device} ({operator})")
    name = ":".join([given.command, *(str(getattr(given, each)) for each in given.identity)])
    receipt = store.receipt(given.id) if given.id else None
    if receipt:
        if receipt.name != name or receipt.card != (given.card or receipt.card):
            raise RefusedError(f"{given.id} is the id of another change: {receipt.name} of card {receipt.card}")
        store.repeat(receipt, given.id)
        print(f"done before: {receipt.name} of card {receipt.card}, id {given.id}")
        return
    change = plan(store, given)
    id_ = given.id or secrets.token_hex(8)
    _show("before", change.before)
    _show("after", change.after)
    print(f"id      {id_}", flush=True)  # before it is done: who is cut off can repeat it
    if not given.yes and sys.stdin is not None and sys.stdin.isatty() and not _is_wanted(given.command):
        raise RefusedError("nothing is done")
    store.make(change, name, id_)
    print("done", flush=True)


def _show(when: str, holdings: Iterable[Holding]) -> None:
    for each in holdings:
        print(f"{when:<6}  card {each.card}: {printable(each, 400)}")


def _is_wanted(command: str) -> bool:
    try:
        return input(f"{command}? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        print()
        return False
