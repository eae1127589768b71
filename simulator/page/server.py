"""The page's server: a few files, and a WebSocket; for browsers on this machine and for this page only."""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import WSMsgType, web

from common.audio import clip_path
from simulator.conversation import Conversation, UsageError
from simulator.device import LAMPS, Device, Happening, Sense
from simulator.memory import Memory
from simulator.server import ServerError
from simulator.system import BUTTONS, MONITOR, RACK, NotPossibleError, System, serial_number

HOST = "127.0.0.1"
LOOK_INTERVAL_S = 0.03
REDIS_INTERVAL_S = 0.25
CLOSE_LIMIT_S = 5.0
KEPT_LINES = 500
KEPT_LOG_LINES = 4
LONGEST_COMMAND = 200

HANDS = frozenset({"lay", "lift", "hold", "release", "unplug", "plug", "cut", "mend", "stop", "start", "later", "add"})
"""The words of the conversation that a page may use: those that take no time of their own."""

_FOLDER = Path(__file__).resolve().parent
_BUTTON_NAMES = {pin: name for name, pin in BUTTONS.items()}
_Result = TypeVar("_Result")


class PageError(RuntimeError):
    """The page cannot be served; the message says what to do."""


class Page:
    """Serves the page until it is closed, from a thread of its own, to as many browsers as come.

    Args:
        port: where to listen; 0 takes a free one.

    Raises:
        PageError: the port is taken.
    """

    def __init__(self, port: int) -> None:
        self._system: System | None = None
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._lines_so_far = 0
        self._logs: dict[str, deque[str]] = {}
        self._redis: dict[str, Any] = {"running": False, "cards": {}}
        self._sockets: set[web.WebSocketResponse] = set()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="page", daemon=True).start()
        try:
            self.port = self._do(self._start(port))
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else error
            raise PageError(f"port {port} cannot be had: --port names another ({reason})") from error

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)

    @property
    def address(self) -> str:
        """What to type into a browser."""
        return f"http://{HOST}:{self.port}/"

    def show(self, system: System) -> None:
        """Make this the system that the page shows and acts on."""
        self._system = system

    def report(self, happening: Happening) -> None:
        """Take note of the monitor's lines and of the devices' logs; all else is there to be seen when it is asked."""
        self._loop.call_soon_threadsafe(self._note, happening)

    # ------------------------------------------------------------------ what is to be seen

    def _note(self, happening: Happening) -> None:
        if happening.sense is Sense.EVENT:
            self._lines.append(happening.text)
            self._lines_so_far += 1
        elif happening.sense is Sense.LOG:
            self._logs.setdefault(happening.source, deque(maxlen=KEPT_LOG_LINES)).append(happening.text)

    def _state(self, system: System) -> dict[str, Any]:
        cables = system.cables
        return {
            "kind": "state",
            "devices": [
                self._device(system, device) | {"network": cables[name]} for name, device in system.devices.items()
            ],
            "rack": [
                {"name": name, "number": serial_number(name), "bytes": len(getattr(card, "uid", b"")) or None}
                for name, card in RACK.items()
            ],
            "monitor": {"network": cables[MONITOR]},
            "redis": self._redis,
        }

    def _device(self, system: System, device: Device) -> dict[str, Any]:
        pi = device.pi
        lit, pressed, sounding = pi.lit, pi.pressed, pi.sounding
        return {
            "name": device.name,
            "type": {"entry_gate": "gate", "sales_terminal": "terminal"}[device.module],
            "lit": [name for pin, name in LAMPS.items() if pin in lit],
            "pressed": [name for pin, name in _BUTTON_NAMES.items() if pin in pressed],
            "sound": {"clip": sounding[-1].what, "at": sounding[-1].at} if sounding else None,
            "cards": system.cards_on(device.name),
            "reader": pi.reader_is_plugged_in,
            "log": list(self._logs.get(device.name, ())),
        }

    async def _watch_redis(self) -> None:
        while True:
            if self._system and self._sockets:
                await self._look_into_redis(self._system)
            await asyncio.sleep(REDIS_INTERVAL_S)

    async def _look_into_redis(self, system: System) -> None:
        held = await asyncio.to_thread(system.held)
        self._redis = {
            "running": held is not None,
            "cards": {
                card: {"fields": pass_.fields, "secondsLeft": pass_.seconds_left}
                for card, pass_ in (held or {}).items()
            },
        }

    # ------------------------------------------------------------------ wires

    def _do(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CLOSE_LIMIT_S)

    async def _start(self, port: int) -> int:
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.get("/", _file("index.html")),
                web.get("/page.css", _file("page.css")),
                web.get("/page.js", _file("page.js")),
                web.get("/icon.svg", _file("icon.svg")),
                web.get("/audio/{clip:[a-z-]+}.mp3", _clip),
                web.get("/system", self._converse),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, port).start()
        self._watching = asyncio.create_task(self._watch_redis())
        bound: int = self._runner.addresses[0][1]
        return bound

    async def _stop(self) -> None:
        self._watching.cancel()
        for socket in list(self._sockets):
            await socket.close()
        await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401  # aiohttp's type
        """Refuse other sites' scripts, also those that come under a name of their own for this address."""
        hosts = {f"{name}:{self.port}" for name in (HOST, "localhost")}
        origins = {f"http://{host}" for host in hosts}
        if request.host not in hosts or request.headers.get("Origin", f"http://{request.host}") not in origins:
            raise web.HTTPForbidden
        response: web.StreamResponse = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = "default-src 'self'"
            response.headers["Cache-Control"] = "no-cache"
        return response

    async def _converse(self, request: web.Request) -> web.WebSocketResponse:
        if "Origin" not in request.headers:
            raise web.HTTPForbidden
        socket = web.WebSocketResponse(heartbeat=10, max_msg_size=LONGEST_COMMAND)
        await socket.prepare(request)
        if self._system:
            await self._look_into_redis(self._system)  # nobody has looked while no page was open
        self._sockets.add(socket)
        telling = asyncio.create_task(self._tell(socket))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and self._system:
                    await self._obey(self._system, socket, message.data)
        finally:
            telling.cancel()
            self._sockets.discard(socket)
        return socket

    async def _tell(self, socket: web.WebSocketResponse) -> None:
        shown: dict[str, Any] | None = None
        lines_told = self._lines_so_far - len(self._lines)
        with suppress(ConnectionError):
            while not socket.closed:
                if self._system and (state := self._state(self._system)) != shown:
                    shown = state
                    await socket.send_json(state)
                if new := min(self._lines_so_far - lines_told, len(self._lines)):
                    lines_told = self._lines_so_far
                    await socket.send_json({"kind": "lines", "lines": list(self._lines)[-new:]})
                await asyncio.sleep(LOOK_INTERVAL_S)

    async def _obey(self, system: System, socket: web.WebSocketResponse, line: str) -> None:
        complaint = await asyncio.to_thread(_obey, system, line)
        if complaint:
            with suppress(ConnectionError):
                await socket.send_json({"kind": "error", "text": complaint})


def _obey(system: System, line: str) -> str | None:
    """Do what a line says; return why it cannot be done."""
    if line.partition(" ")[0] not in HANDS:
        return "a page cannot say this"
    try:
        Conversation(system, Memory(), lambda _: None).obey(line)
    except (UsageError, NotPossibleError, ServerError, TimeoutError) as error:
        return str(error)
    return None


def _file(name: str) -> Any:  # noqa: ANN401  # aiohttp's handlers
    async def serve(_: web.Request) -> web.FileResponse:
        return web.FileResponse(_FOLDER / name)

    return serve


async def _clip(request: web.Request) -> web.FileResponse:
    path = clip_path(request.match_info["clip"])
    if not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path)
