"""Following events: live by pub/sub, and from the journal those that were missed."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as SlowAnswerError

from common.clock import Clock
from common.service_manager import ServiceManager
from system_monitor.events import START, Event, EventId, MalformedEventError
from system_monitor.redis_source import RedisSource, Subscription
from system_monitor.rendering import count
from system_monitor.resume_point import ResumePoint
from system_monitor.terminal import Terminal

PING_INTERVAL_S = 3.0
PONG_DEADLINE_S = 4.0
LONGEST_WAIT_S = 1.0
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 4.0


@dataclass(frozen=True)
class Selection:
    """Which events to show: of one card or all, and how far back from now."""

    card: str | None = None
    last: int = 10
    since_ms: int | None = None

    def includes(self, event: Event) -> bool:
        """Return whether this event's card is one to show."""
        return self.card is None or event.card == self.card


class Monitor:
    """Shows every event once, in order, and says so when it may have missed some."""

    def __init__(
        self,
        source: RedisSource,
        selection: Selection,
        terminal: Terminal,
        clock: Clock,
        service_manager: ServiceManager,
    ) -> None:
        self._source = source
        self._journal = source.journal
        self._selection = selection
        self._terminal = terminal
        self._clock = clock
        self._service_manager = service_manager
        self._has_shown_history = False
        self._resume_point = ResumePoint()

    def show_history(self) -> None:
        """Show the past events that are selected.

        Raises:
            RedisError: Redis cannot be reached, or refuses.
        """
        newest = self._journal.newest()
        self._has_shown_history = True
        self._resume_point = ResumePoint(newest)
        if self._selection.since_ms is None:
            self._show_last(self._selection.last, until=newest)
        else:
            self._show_since(EventId(self._selection.since_ms, 0), until=newest)
        self._terminal.flush()

    def follow(self) -> None:
        """Show the history, then live events; reconnect whenever the connection is lost; never return."""
        retry_s = FIRST_RETRY_S
        is_lost = False
        while True:
            try:
                with self._source.subscription() as subscription:
                    if is_lost:
                        self._terminal.notice("connected again")
                        is_lost, retry_s = False, FIRST_RETRY_S
                    self._relay(subscription)
            except RedisError as error:
                problem = self._source.explain(error)
                self._service_manager.report(problem)
                if not is_lost:
                    self._terminal.notice(f"connection lost: {problem}")
                is_lost = True
                self._clock.sleep(retry_s)
                retry_s = min(retry_s * 2, LONGEST_RETRY_S)

    def _show_last(self, most: int, until: EventId) -> None:
        entries = self._journal.backwards(until)
        wanted = (event for _, event in entries if event and self._selection.includes(event))
        for event in reversed(list(islice(wanted, most))):
            self._terminal.show(event)

    def _show_since(self, start: EventId, until: EventId) -> None:
        if self._journal.has_been_trimmed() and (oldest := self._journal.oldest()) > start:
            self._terminal.notice(f"the journal reaches back only to {oldest.time}")
        for id_, event in self._journal.since(start):
            if id_ > until:
                break
            self._show(event)

    def _relay(self, subscription: Subscription) -> None:
        """Show what arrives until the connection fails; an unanswered ping is a failure, too."""
        self._catch_up()
        heard_at = self._clock.now()
        pinged_at: float | None = None
        while True:
            self._service_manager.report(None)
            message = subscription.get_message(timeout=0)
            if message is None:
                self._terminal.flush()
                message = subscription.get_message(timeout=LONGEST_WAIT_S)
            now = self._clock.now()
            if message is not None:
                heard_at, pinged_at = now, None
                self._receive(message)
            elif pinged_at is not None and now - pinged_at >= PONG_DEADLINE_S:
                raise SlowAnswerError
            elif pinged_at is None and now - heard_at >= PING_INTERVAL_S:
                pinged_at = now
                subscription.ping()

    def _receive(self, message: dict[str, Any]) -> None:
        if message["type"] == "pmessage":
            self._show_live(message["channel"], message["data"])
        elif message["type"] == "psubscribe":  # redis-py has reconnected by itself
            self._catch_up()

    def _show_live(self, channel: str, text: str) -> None:
        try:
            event = Event.parse(channel, text)
        except MalformedEventError as error:
            self._terminal.show_malformed(channel, str(error))
            return
        id_ = event.claimed_id
        if id_ is None or self._resume_point.add_live(id_):
            self._show(event)

    def _show(self, event: Event | None) -> None:
        if event and self._selection.includes(event):
            self._terminal.show(event)

    def _catch_up(self) -> None:
        """Show the entries of the journal that have not been shown."""
        is_start = not self._has_shown_history
        if is_start:
            self.show_history()
        start = self._resume_point.find(self._journal)
        if start is None:
            self._terminal.notice("the journal does not reach back to the last event shown: some events may be missing")
            start = START
        self._resume_point = ResumePoint(start)
        recovered = 0
        for id_, event in self._journal.after(start):
            self._resume_point.advance(id_)
            self._show(event)
            recovered += 1
        if recovered and not is_start:
            self._terminal.notice(f"{count(recovered, 'event')} recovered")
