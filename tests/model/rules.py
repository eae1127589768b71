"""What a station may answer: the rules of passes and requests, apart from the machinery (common/*.lua)."""

from common.passes import PassType
from tests.model.values import Card, Pass, Receipt, Request, Station, Step

HOUR, TEN_TRIP, TWO_HOUR = 3600, PassType.TEN_TRIP, PassType.TWO_HOUR


def wait(station: Station, seconds: int) -> Station:
    now = station.now + seconds
    cards = {
        name: Card(*(None if each and each.ends and each.ends <= now else each for each in card))
        for name, card in station.cards.items()
    }
    return station._replace(now=now, cards=cards)


def deliver(station: Station, request: Request) -> tuple[Station, str]:
    """Return the station after the request, and the answer; `refused`, if the desk does not ask for that."""
    now, cards, receipts, owed, events = station
    last = receipts.get(request.session, Receipt())
    is_repeat = request.number == last.number
    if request.number < last.number:
        return station, "stale"
    if is_repeat and request.kind != "reverse":
        return station, last.outcome
    step = _step(station, request, last if is_repeat else Receipt())
    receipts = {**receipts, request.session: Receipt(request.number, request.card, step.outcome, step.what)}
    if step.outcome == "owed" and step.events:
        owed = {**owed, f"{request.session}-{request.number}": step.what}
    elif step.outcome == "done" and request.kind == "move":
        cards = {**cards, request.other: cards.get(request.other, Card())._replace(held=cards[request.card].held)}
    elif step.outcome == "done" and request.kind == "settle":
        receipts[request.other] = Receipt(1, request.card, "done", request.name)
        owed = {tap: what for tap, what in owed.items() if tap != request.other}
    return Station(now, {**cards, request.card: step.card}, receipts, owed, events + step.events), step.outcome


def _step(station: Station, request: Request, last: Receipt) -> Step:
    card = station.cards.get(request.card, Card())
    if request.kind == "tap":
        return _tap(card, station.now)
    if request.kind == "reverse":
        return _reverse(card, last)
    if request.kind == "sell":
        step = _change(card, request._replace(kind="issue"))
        return Step(card, "has-pass") if step.outcome == "refused" else Step(step.card, "issued", events=step.events)
    seen = card.held and card.held._replace(ends=None)
    is_taken = request.other in station.receipts or station.cards.get(request.other, Card()).held
    return Step(card, "changed", request.name) if seen != request.seen or is_taken else _change(card, request)


def _tap(card: Card, now: int) -> Step:
    held = card.held
    if not held or held.is_blocked:
        return Step(card, "blocked-pass" if held else "no-pass", events=("pass-denied",))
    used = f"pass-used:{held.type}"
    if held.type is TWO_HOUR:
        events = (used,) if held.ends else (f"pass-activated:{held.type}", used)
        return Step(card._replace(held=held._replace(ends=held.ends or now + 2 * HOUR)), "granted", held.type, events)
    if held.trips > 1:
        return Step(card._replace(held=held._replace(trips=held.trips - 1)), "granted", held.type, (used,))
    return Step(Card(None, held._replace(ends=now + HOUR)), "granted", held.type, (used,))


def _reverse(card: Card, last: Receipt) -> Step:
    held, spent = card
    if last.outcome != "granted":
        return Step(card, last.outcome or "reversed", last.what)
    if last.what == TWO_HOUR:
        return Step(card, "nothing", last.what)
    reversed_ = "reversed", last.what, (f"pass-reversed:{last.what}",)
    if held and held.type == last.what == TEN_TRIP:
        return Step(card._replace(held=held._replace(trips=held.trips + 1)), *reversed_)
    if spent and not held and spent.type == last.what:
        return Step(Card(spent._replace(ends=None)), *reversed_)
    return Step(card, "owed", last.what, (f"pass-owed:{last.what}",))


def _change(card: Card, request: Request) -> Step:
    held, kind = card.held, request.type
    after: Pass | None = None
    match request.kind:
        case "issue" if kind and not held:
            after, event = Pass(kind, 10 if kind is TEN_TRIP else 1), f"pass-issued:{kind}"
        case "block" if held and not held.is_blocked:
            after, event = held._replace(is_blocked=True), "pass-blocked"
        case "unblock" if held and held.is_blocked:
            after, event = held._replace(is_blocked=False), "pass-unblocked"
        case "credit" if held and held.type is TEN_TRIP and held.trips + request.trips <= 10:
            after, event = held._replace(trips=held.trips + request.trips), "pass-credited"
        case "move" | "void" if held:
            event = "pass-moved" if request.kind == "move" else "pass-voided"
        case "settle" if held and held.type is TEN_TRIP:
            after, event = held._replace(trips=held.trips + 1), "pass-reversed:TEN_TRIP"
        case "settle" if kind and not held:
            after, event = Pass(kind), f"pass-reversed:{kind}"
        case _:
            return Step(card, "refused", request.name)
    return Step(card._replace(held=after), "done", request.name, (event,))
