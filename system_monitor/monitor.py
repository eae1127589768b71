"""Following the system: live by pub/sub, and from the journal whatever that has missed."""

import time
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from redis.client import PubSub
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as SlowAnswerError

from common.events import START, Event, EventId, MalformedEventError
from common.redis_link import explain, redis_client
from common.rights import subscribe
from common.service_manager import ServiceManager
from common.settings import Settings
from system_monitor.journal import Journal

SOCKET_TIMEOUT_S = 4.0
PING_INTERVAL_S = 3.0
PONG_DEADLINE_S = 4.0
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 4.0
REMEMBERED_IDS = 1000


class Display(Protocol):
    """Where the monitor shows what it finds."""

    def show(self, event: Event) -> None:
        """Show an event."""

    def show_malformed(self, channel: str, reason: str) -> None:
        """Show that a channel carried something that is no event."""

    def notice(self, text: str) -> None:
        """Tell what an operator must know about the monitor itself."""

    def flush(self) -> None:
        """Bring what was shown before the reader's eyes."""


@dataclass(frozen=True)
class Selection:
    """Which events to show: of one card or all, and how far back from now."""

    card: str | None = None
    last: int = 10
    since_ms: int | None = None

    def includes(self, event: Event) -> bool:
        """Tell whether this event's card is one to show."""
        return self.card is None or event.card == self.card


class Monitor:
    """Shows every event once, in order, and says so when it may have missed some.

    Where the monitor stands is told by the journal alone: the id in a message is a claim, which anyone who may publish
    can make.
    """

    def __init__(
        self, settings: Settings, selection: Selection, display: Display, service_manager: ServiceManager
    ) -> None:
        self._settings = settings
        self._redis: Any = redis_client(settings, retries=0, socket_timeout_s=SOCKET_TIMEOUT_S)
        self._journal = Journal(self._redis)
        self._selection = selection
        self._display = display
        self._service_manager = service_manager
        self._has_shown_history = False
        self._caught_up = START  # the journal has been shown up to here
        self._shown_live: deque[EventId] = deque(maxlen=REMEMBERED_IDS)  # since then

    def show_history(self) -> None:
        """Show the events that the selection reaches back to.

        Raises:
            RedisError: Redis cannot be reached, or refuses.
        """
        self._has_shown_history = True
        self._caught_up = self._journal.newest()
        if self._selection.since_ms is None:
            self._show_last(self._selection.last, until=self._caught_up)
        else:
            self._show_since(EventId(self._selection.since_ms, 0), until=self._caught_up)
        self._display.flush()

    def follow(self) -> None:
        """Show the history, then everything that happens, for ever, whatever becomes of the connection."""
        retry_s = FIRST_RETRY_S
        is_lost = False
        while True:
            try:
                with self._redis.pubsub() as pubsub:
                    subscribe(self._redis, pubsub, SOCKET_TIMEOUT_S)
                    if is_lost:
                        self._display.notice("connected again")
                        is_lost, retry_s = False, FIRST_RETRY_S
                    self._relay(pubsub)
            except RedisError as error:
                problem = explain(error, self._settings)
                self._service_manager.report(problem)
                if not is_lost:
                    self._display.notice(f"connection lost: {problem}")
                is_lost = True
                self._redis.connection_pool.disconnect()
                time.sleep(retry_s)
                retry_s = min(retry_s * 2, LONGEST_RETRY_S)

    def _show_last(self, count: int, until: EventId) -> None:
        entries = self._journal.backwards(until)
        wanted = (event for _, event in entries if event and self._selection.includes(event))
        for event in reversed(list(islice(wanted, count))):
            self._display.show(event)

    def _show_since(self, start: EventId, until: EventId) -> None:
        if self._journal.has_been_trimmed() and (oldest := self._journal.oldest()) > start:
            self._display.notice(f"the journal reaches back only to {oldest.time:%Y-%m-%d %H:%M:%S}")
        for id_, event in self._journal.since(start):
            if id_ > until:
                break
            self._show(event)

    def _relay(self, pubsub: PubSub) -> None:
        """Show what comes over this connection until it fails; no answer to a ping is a failure too."""
        self._catch_up()
        heard_at = time.monotonic()
        pinged_at: float | None = None
        while True:
            self._service_manager.report(None)
            message = pubsub.get_message(timeout=0)
            if message is None:
                self._display.flush()
                message = pubsub.get_message(timeout=PING_INTERVAL_S / 4)
            now = time.monotonic()
            if message is not None:
                heard_at, pinged_at = now, None
                self._receive(message)
            elif pinged_at is not None and now - pinged_at > PONG_DEADLINE_S:
                raise SlowAnswerError
            elif pinged_at is None and now - heard_at > PING_INTERVAL_S:
                pinged_at = now
                pubsub.ping()

    def _receive(self, message: dict[str, Any]) -> None:
        if message["type"] == "pmessage":
            self._show_live(message["channel"], message["data"])
        elif message["type"] == "psubscribe":  # the client has connected anew without telling
            self._catch_up()

    def _show_live(self, channel: str, text: str) -> None:
        try:
            event = Event.parse(channel, text)
        except MalformedEventError as error:
            self._display.show_malformed(channel, str(error))
            return
        id_ = event.id
        if id_:
            if id_ <= self._caught_up:
                return
            self._shown_live.append(id_)
        self._show(event)

    def _show(self, event: Event | None) -> None:
        if event and self._selection.includes(event):
            self._display.show(event)

    def _catch_up(self) -> None:
        """Show what the journal has beyond what has been shown."""
        is_start = not self._has_shown_history
        if is_start:
            self.show_history()
        self._caught_up = self._place()
        self._shown_live.clear()  # at once: should the connection break on the way, what follows counts from here
        recovered = 0
        for id_, event in self._journal.after(self._caught_up):
            self._caught_up = id_
            self._show(event)
            recovered += 1
        if recovered and not is_start:
            self._display.notice(f"{recovered} {'event' if recovered == 1 else 'events'} recovered")

    def _place(self) -> EventId:
        """Return the id after which the journal is yet to be shown."""
        for id_ in reversed(self._shown_live):
            if self._journal.holds(id_):
                return id_
        if self._journal.reaches_back_to(self._caught_up):
            return self._caught_up
        self._display.notice("the journal has been trimmed past the last event shown: some events may be missing")
        return START
