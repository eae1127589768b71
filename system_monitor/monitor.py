"""Following events: messages tell at once that something happened, the journal tells everything that did."""

import time
from collections.abc import Callable, Iterable

from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as SlowAnswerError

from common.clock import Clock
from common.events import Event, MalformedEventError
from common.journal import BATCH, Facts
from common.rendering import count
from common.service_manager import ServiceManager
from common.text import printable
from system_monitor.device_watch import DeviceWatch
from system_monitor.history import Selection, past_events
from system_monitor.journal_reader import JournalReader, Place
from system_monitor.redis_source import RedisSource
from system_monitor.saved_place import SavedPlace
from system_monitor.stopping import Stopping
from system_monitor.subscription import PUBLISHED, Message, Subscription
from system_monitor.terminal import Terminal
from system_monitor.two_hours import TwoHours

PING_INTERVAL_S = 3.0
PONG_DEADLINE_S = 4.0
LOOK_INTERVAL_S = 3.0
LONGEST_WAIT_S = 1.0
PAUSE_S = 0.12
"""How long what comes next may wait once all is shown, so that much of it is shown together: nobody sees the delay."""
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 4.0


class Monitor:
    """Shows every event once, in order, and says so when it may have missed some.

    The journal alone says where the monitor is. The id of a message is a claim: a message whose id the journal has is
    shown as the journal's entry, and any other, as the original's devices send them, as it comes.
    """

    def __init__(
        self,
        source: RedisSource,
        selection: Selection,
        terminal: Terminal,
        clock: Clock,
        service_manager: ServiceManager,
        saved_place: SavedPlace | None = None,
        stopping: Stopping | None = None,
        devices: DeviceWatch | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Create a monitor; `now` is the Unix time in seconds, by which it ends if an end is selected."""
        self._source = source
        self._journal = source.journal
        self._selection = selection
        self._terminal = terminal
        self._clock = clock
        self._service_manager = service_manager
        self._saved_place = saved_place or SavedPlace(None)
        self._stopping = stopping or Stopping()
        self._devices = devices or DeviceWatch(source, terminal.notice, own_name=None)
        self._now = now
        self._two_hours = TwoHours()
        self._reader = JournalReader(self._journal, terminal.notice, recall=self._two_hours.explained)
        self._has_started = False
        self._has_connected = False

    def show_history(self) -> None:
        """Show the past events that are selected.

        Raises:
            RedisError: Redis cannot be reached, or refuses.
        """
        facts = self._journal.facts()
        self._check_reach(facts)
        for number, event in enumerate(past_events(self._journal, facts, self._selection, self._two_hours)):
            self._terminal.show(event)
            if number % BATCH == 0:
                self._terminal.write_out()
        if self._selection.card and self._selection.last != 0 and not self._terminal.has_shown:
            self._terminal.notice(f"the journal has no event{self._selection}")
        self._reader.place = Place(facts.newest_id, facts.added)
        self._has_started = True
        self.flush()

    def follow(self) -> None:
        """Show the history, or go on from the saved place; then show live events; reconnect; end when it is time."""
        self._go_on()
        told: set[str] = set()
        retry_s = FIRST_RETRY_S
        while not self._is_over():
            try:
                with self._source.subscription() as subscription:
                    self._catch_up(has_told=bool(told))
                    told, retry_s = set(), FIRST_RETRY_S
                    self._relay(subscription)
                    self._read_on()
                    self.flush()
            except RedisError as error:
                problem = self._source.explain(error)
                self._service_manager.report(problem)
                if problem not in told:
                    told.add(problem)
                    self._terminal.notice(
                        f"connection lost: {problem}" if self._has_connected else f"cannot reach Redis yet: {problem}"
                    )
                self._clock.sleep(retry_s)
                retry_s = min(retry_s * 2, LONGEST_RETRY_S)

    def flush(self) -> None:
        """Write out what was shown, and save the place."""
        with self._stopping:
            self._terminal.flush()
            if self._has_started:
                self._save(self._reader.place)

    def _is_over(self) -> bool:
        until_ms = self._selection.until_ms
        return until_ms is not None and self._now() * 1000 >= until_ms

    def _check_reach(self, facts: Facts) -> None:
        since_ms = self._selection.since_ms
        begin = None if since_ms is None else facts.begin_after(since_ms, self._selection.zone)
        if begin:
            self._terminal.notice(f"the journal reaches back only to {begin}")

    def _go_on(self) -> None:
        try:
            place = self._saved_place.read()
        except (OSError, ValueError) as error:
            self._terminal.notice(f"cannot go on from where it was: {printable(error)}")
            return
        if place:
            self._reader.place = place
            self._has_started = True

    def _save(self, place: Place) -> None:
        try:
            self._saved_place.write(place)
        except OSError as error:
            self._terminal.notice(f"cannot save its place for a restart: {printable(error)}")
            self._saved_place = SavedPlace(None)

    def _catch_up(self, has_told: bool) -> None:
        """Show the history, or what the journal has taken since it was read last; say that it is connected."""
        is_start = not self._has_started
        if is_start:
            self.show_history()
        recovered = self._read_on()
        self.flush()
        if has_told:
            self._terminal.notice("connected again" if self._has_connected else "connected")
        if recovered and not is_start:
            self._terminal.notice(f"{count(recovered, 'event')} recovered")
        if not self._has_connected and not self._terminal.has_shown:
            self._terminal.notice(f"waiting for events: {self._source.place}")
        self._has_connected = True

    def _relay(self, subscription: Subscription) -> None:
        """Show what arrives until it is time to end, or the connection fails; an unanswered ping is a failure, too."""
        is_busy = False
        heard_at = looked_at = self._clock.now()
        pinged_at: float | None = None
        self._devices.begin()
        while not self._is_over():
            self._service_manager.report(None)
            messages = subscription.read(0 if is_busy else LONGEST_WAIT_S)
            if is_busy and messages is None:
                is_busy = False
                self._clock.sleep(PAUSE_S)
                continue
            is_busy = any(kind == PUBLISHED for kind, _, _ in messages or ())
            now = self._clock.now()
            if messages is not None:
                heard_at, pinged_at = now, None
                self._receive(messages)
            elif pinged_at is not None and now - pinged_at >= PONG_DEADLINE_S:
                raise SlowAnswerError
            elif pinged_at is None and now - heard_at >= PING_INTERVAL_S:
                pinged_at = now
                subscription.ping()
            if now - looked_at >= LOOK_INTERVAL_S:
                looked_at = now
                self._read_on()
                self._devices.look()
            self.flush()

    def _receive(self, messages: Iterable[Message]) -> None:
        """Show messages; before the first that claims an id, and is not known from the journal, what is new in that."""
        has_read_on = False
        for kind, channel, text in messages:
            if kind != PUBLISHED or self._reader.has_shown_message(text):
                continue
            try:
                event = Event.parse(channel, text)
            except MalformedEventError as error:
                self._terminal.show_malformed(channel, str(error))
                continue
            if "id" in event.payload:
                if not has_read_on:
                    self._read_on(asks_why=False)
                    has_read_on = True
                if self._reader.has_passed(event):
                    continue
            self._show(event)

    def _read_on(self, asks_why: bool = True) -> int:
        """Show what is new in the journal; return how many entries that were."""
        entries = 0
        for id_, event in self._reader.entries(asks_why):
            with self._stopping:
                self._show(event)
                self._reader.advance(id_, event)
                entries += 1
                if entries % BATCH == 0:
                    self._terminal.write_out()
        return entries

    def _show(self, event: Event | None) -> None:
        if event:
            explained = self._two_hours.explained(event)  # also if it is not shown: it may explain one that is
            if self._selection.includes(event):
                self._terminal.show(explained)
