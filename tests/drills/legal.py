"""Whether what was asked and answered has a legal order: the search of Wing and Gong (1993), with Lowe's memory (2017).

A history is linearizable (Herlihy and Wing, 1990) if each request can be thought to take effect at one moment between
its begin and its answer, so that the answers are those of the rules (tests/model/rules.py). One without an answer may
have taken effect at any later moment, or never; but not once a later request of its session has been answered.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from math import inf
from pathlib import Path

from tests.drills.history import DRAWING, ENDING, Operation, read
from tests.drills.illegal import as_svg, as_text
from tests.model.rules import deliver
from tests.model.values import Station

MOST_STATES = 200_000


class UndecidedError(Exception):
    """There are too many orders to try."""


def without_order(history: Sequence[Operation]) -> Iterator[tuple[Sequence[Operation], Operation]]:
    """Yield the operations of each card that have no legal order, and the one at which the longest order ends."""
    home = {each.request.card: each.request.card for each in history}  # cards between which a pass moves are one
    for _, move, *_ in (each for each in history if each.request.kind == "move"):
        home = {card: home[move.card] if it == home.get(move.other, move.other) else it for card, it in home.items()}
    of_cards: dict[str, list[Operation]] = defaultdict(list)
    for each in _bounded(history):
        of_cards[home[each.request.card]].append(each)
    for operations in of_cards.values():
        if misfit := _misfit(operations):
            yield operations, misfit


def _bounded(history: Sequence[Operation]) -> list[Operation]:
    """Let what has no answer end when it can have no effect any more: with the next answer of its session."""
    ends: dict[str, list[tuple[int, str, float]]] = defaultdict(list)
    for operation in history:
        if operation.answer is not None:
            ends[operation.request.session].append((operation.request.number, operation.request.kind, operation.ended))

    def end(operation: Operation) -> float:
        kind, session, number, *_ = operation.request
        later = (at for n, what, at in ends[session] if n > number or (n == number and what == "reverse" != kind))
        return min(later, default=inf) if operation.answer is None else operation.ended

    return sorted((each._replace(ended=end(each)) for each in history), key=lambda each: each.began)


def _misfit(operations: Sequence[Operation]) -> Operation | None:
    """Return None if there is a legal order, else the operation that fits into none after the longest beginning.

    Raises:
        UndecidedError: there are too many.
    """
    answered = sum(1 << index for index, each in enumerate(operations) if each.answer is not None)
    settled = {each.request[1:3] for each in operations if each.request.kind == "reverse"}
    todo = [(0, -inf, Station())]  # those in order as bits, when the last of them began, and the station after them
    seen, longest = set(), 0
    while todo:
        done, began, station = todo.pop()
        if done & answered == answered:
            return None
        key = done, frozenset(station.cards.items()), frozenset(station.receipts.items())
        if key in seen:
            continue
        seen.add(key)
        if len(seen) > MOST_STATES:
            raise UndecidedError(f"card {operations[0].request.card}: more than {MOST_STATES} orders")
        longest = max(longest, done & answered, key=int.bit_count)
        for index in _next(operations, done, began, settled):
            operation = operations[index]
            after, answer = deliver(station, operation.request)
            if answer == operation.answer or (operation.answer is None and after is not station):
                is_asked_for = operation.request[1:3] in settled or operation.request.kind == "settle"
                receipts = after.receipts if is_asked_for else station.receipts
                after = after._replace(receipts=receipts, owed={}, events=())
                todo.append((done | 1 << index, max(began, operation.began), after))
    left = (each for index, each in enumerate(operations) if (answered & ~longest) >> index & 1)
    return min(left, key=lambda each: each.ended)


def _next(operations: Sequence[Operation], done: int, began: float, settled: Collection[tuple[str, int]]) -> list[int]:
    """Return those that may come next, the likeliest last: each that began before any other one had its answer."""
    found: dict[object, int] = {}
    first_end = inf
    start = (~done & (done + 1)).bit_length() - 1  # all before are done
    for index in range(start, len(operations)):
        each = operations[index]
        if each.began > first_end:
            break
        if done >> index & 1 or each.ended < began:
            continue
        if each.answer is not None:
            first_end = min(first_end, each.ended)
        # Of those that do the same, the one that ends first may come first, and of repetitions the first.
        alike: object = each.request._replace(session="", number=0), each.answer
        if each.answer is None:
            alike = each.request
        elif each.request[1:3] in settled:
            alike = index
        if alike not in found or each.ended < operations[found[alike]].ended:
            found[alike] = index
    return sorted(found.values(), key=lambda index: (operations[index].answer is None, operations[index].ended))[::-1]


def judge(folder: Path) -> list[str]:
    """Return what is wrong with the histories in a folder, each with a picture; the first is also drawn there."""
    wrong = []
    drawing = folder / DRAWING
    for path in sorted(folder.glob(f"*{ENDING}")):
        try:
            for operations, misfit in without_order(read(path)):
                heading = f"{path.stem}: card {misfit.request.card} has no legal order"
                wrong.append(f"{heading}\n{as_text(operations, misfit)}")
                if not drawing.exists():
                    drawing.write_text(as_svg(heading, operations, misfit))
        except UndecidedError as error:
            wrong.append(f"{path.stem}: {error}")
    return wrong
