"""The monitor in this process: on a scripted subscription and a clock of the test's, or on a real one in a thread."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as NoConnectionError

from common.clock import Clock
from common.events import EventId
from common.journal import Entry, Journal
from common.keys import JOURNAL
from common.rendering import PLAIN, Renderer
from common.service_manager import ServiceManager
from common.settings import Settings
from system_monitor.history import Selection
from system_monitor.monitor import Monitor
from system_monitor.redis_source import RedisSource
from system_monitor.saved_place import SavedPlace
from system_monitor.subscription import Message, Subscription
from system_monitor.terminal import Terminal
from tests.fake_clock import FakeClock
from tests.in_process import RecordingServiceManager
from tests.processes import wait_for

DENIAL = '{"cardSerialNumber":"%s","reason":"no-pass"}'


def with_id(payload: str, id_: str) -> str:
    """Return the payload of a message, given that of its entry."""
    return payload if '"id":' in payload else f'{payload[:-1]},"id":"{id_}"}}'


def entries(redis: Any) -> list[tuple[str, dict[str, str]]]:  # redis-py's types are too wide
    """Return the journal."""
    return list(redis.xrange(JOURNAL))


def published(redis: Redis) -> list[str]:
    """Return what was published with each entry of the journal."""
    return [with_id(fields["payload"], id_) for id_, fields in entries(redis)]


def deny(redis: Redis, card: str, id_: str = "*") -> str:
    """Write a denial to the journal; return the message that would be published with it."""
    payload = DENIAL % card
    return with_id(payload, str(redis.xadd(JOURNAL, {"channel": "pass-denied", "payload": payload}, id=id_)))


def notices_but_waiting(text: str) -> list[str]:
    """Return the notices of an error output, but for the one of an idle start."""
    notices = [line.removeprefix("system-monitor: ") for line in text.splitlines()]
    return [notice for notice in notices if not notice.startswith("waiting for events: ")]


class Ended(Exception):  # noqa: N818  # no error
    """Ends a monitor, which would never return."""


class BreakingJournal(Journal):
    """A journal to which the connection breaks once, after some entries of a catch-up."""

    breaks_after: int | None = None

    def since(self, id_: EventId, until: EventId | None = None) -> Iterator[Entry]:
        for number, entry in enumerate(super().since(id_, until)):
            if number == self.breaks_after:
                self.breaks_after = None
                raise NoConnectionError
            yield entry


class ScriptedSource(RedisSource):
    """The journal of a real server, and subscriptions with the messages that the test has planned; both are traced."""

    def __init__(self, settings: Settings, clock: FakeClock) -> None:
        super().__init__(settings)
        self.journal: BreakingJournal = BreakingJournal(self._redis, lambda: None)
        self.clock = clock
        self.is_away = False
        self.answers_pings = True
        self.trace: list[tuple[float, str]] = []
        self._arrived: list[Message] = []

    @contextmanager
    def subscription(self) -> Iterator[Subscription]:
        self.note("subscribe")
        self._connect()
        yield ScriptedSubscription(self)

    def read(self, timeout_s: float) -> list[Message] | None:
        if not self._arrived:
            self.clock.sleep(timeout_s)
        self._connect()
        arrived, self._arrived = self._arrived, []
        return arrived or None

    def _connect(self) -> None:
        if self.is_away:
            raise NoConnectionError("away")

    def note(self, what: str) -> None:
        self.trace.append((round(self.clock.now(), 3), what))

    def arrive(self, kind: str, text: str = "", channel: str = "pass-denied") -> None:
        self._arrived.append((kind, channel, text))

    def go_away(self) -> None:
        self.is_away = True

    def come_back(self) -> None:
        self.is_away = False


class ScriptedSubscription(Subscription):
    """What the source has planned."""

    def __init__(self, source: ScriptedSource) -> None:
        self._source = source

    def read(self, timeout_s: float) -> list[Message] | None:
        return self._source.read(timeout_s)

    def ping(self) -> None:
        self._source.note("ping")
        if self._source.answers_pings:
            self._source.arrive("pong")


class _TracedErrors(io.StringIO):
    def __init__(self, source: ScriptedSource) -> None:
        super().__init__()
        self._source = source

    def write(self, text: str) -> int:
        if text.strip():
            self._source.note(text.strip().removeprefix("system-monitor: "))
        return super().write(text)


class ScriptedWatch:
    """A monitor on a scripted source; `run` takes no time."""

    def __init__(
        self,
        settings: Settings,
        saved_place: SavedPlace | None = None,
        as_json: bool = True,
        selection: Selection | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.source = ScriptedSource(settings, self.clock)
        self._output, self._errors = io.StringIO(), _TracedErrors(self.source)
        terminal = Terminal(Renderer(PLAIN), as_json, self._output, self._errors)
        self.service_manager = RecordingServiceManager(self.clock)
        self._monitor = Monitor(
            self.source,
            selection or Selection(),
            terminal,
            self.clock,
            self.service_manager,
            saved_place,
            now=self.clock.now,
        )

    def run(self, until: float) -> None:
        """Follow until this time on the clock."""
        self.clock.at(until, self._end)
        try:
            self._monitor.follow()
        except Ended:
            return

    def _end(self) -> None:
        raise Ended

    @property
    def output(self) -> list[str]:
        return self._output.getvalue().splitlines()

    @property
    def notices(self) -> list[str]:
        """All but that it waits."""
        return notices_but_waiting(self._errors.getvalue())

    @property
    def trace(self) -> list[tuple[float, str]]:
        return self.source.trace


class _Ending(io.StringIO, Clock):
    """An output, and a clock, that end the monitor at its next write or sleep."""

    is_over = False

    def flush(self) -> None:
        if self.is_over:
            raise Ended
        super().flush()

    def sleep(self, seconds: float) -> None:
        self.flush()
        super().sleep(min(seconds, 0.1))


class Watch:
    """A monitor that follows a real server, in a thread; it is subscribed when the context is entered."""

    def __init__(
        self, settings: Settings, redis: Redis, as_json: bool = True, selection: Selection | None = None
    ) -> None:
        self._redis = redis
        self._output, self._errors = _Ending(), io.StringIO()
        self._terminal = Terminal(Renderer(PLAIN), as_json, self._output, self._errors)
        source, selection = RedisSource(settings), selection or Selection()
        monitor = Monitor(source, selection, self._terminal, self._output, ServiceManager(Clock()))
        self._thread = threading.Thread(target=self._follow, args=(monitor,))

    def __enter__(self) -> "Watch":
        self._thread.start()
        wait_for(lambda: self._redis.pubsub_numpat() or self.notices)
        return self

    def __exit__(self, *_: object) -> None:
        self._output.is_over = True
        while self._thread.is_alive():
            self._redis.publish("pass-end", "wake up")
            self._thread.join(0.1)
        wait_for(lambda: self._redis.pubsub_numpat() == 0)

    def _follow(self, monitor: Monitor) -> None:
        try:
            monitor.follow()
        except Ended:
            return

    @property
    def output(self) -> list[str]:
        return self._output.getvalue().splitlines()

    @property
    def notices(self) -> list[str]:
        """All but that it waits."""
        return notices_but_waiting(self._errors.getvalue())

    def summarize(self) -> None:
        self._terminal.summarize()

    def wait_for_output(self, lines: int) -> list[str]:
        wait_for(lambda: len(self.output) >= lines)
        return self.output

    def wait_for_notice(self, text: str, times: int = 1) -> str:
        wait_for(lambda: sum(text in notice for notice in self.notices) >= times)
        return next(notice for notice in self.notices if text in notice)
