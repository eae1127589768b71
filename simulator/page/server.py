"""The page's server: its files, the clips and a WebSocket, for browsers on this machine and for this page only."""

import asyncio
import os
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from audio.player import CLIPS, clip_path
from simulator.device import Output, OutputKind
from simulator.loop_thread import LoopThread
from simulator.page import requests
from simulator.page.answers import Answer
from simulator.page.race import Race
from simulator.page.state import Record, state_of
from simulator.system import System

HOST = "127.0.0.1"
STATE_INTERVAL_S = 0.03
REDIS_INTERVAL_S = 0.1
KEPT_LINES = 500
KEPT_LOG_LINES = 4

_FOLDER = Path(__file__).resolve().parent
FILES = tuple(sorted(path.name for path in _FOLDER.iterdir() if path.suffix in {".css", ".js", ".svg"}))


class PageError(RuntimeError):
    """The page cannot be served; the message says what to do."""


class Page:
    """Serves the page until it is closed, from a thread of its own, to as many browsers as come.

    Args:
        port: where to listen; 0 takes a free one.

    Raises:
        PageError: the port is in use.
    """

    def __init__(self, port: int) -> None:
        self._system: System | None = None
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._lines_so_far = 0
        self._record = Record()
        self._race = Race(self._record.answers, self._record.why)
        self._sockets: set[web.WebSocketResponse] = set()
        self._at_the_office: set[asyncio.Task[None]] = set()  # a loop does not keep its tasks alive
        self._thread = LoopThread("page")
        try:
            self.port = self._thread.run(self._start(port))
        except OSError as error:
            self._thread.close()
            reason = os.strerror(error.errno) if error.errno else error
            raise PageError(f"port {port} is not available: choose another with --port ({reason})") from error

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.run(self._stop())
        self._thread.close()

    @property
    def address(self) -> str:
        """The page's URL."""
        return f"http://{HOST}:{self.port}/"

    def show(self, system: System) -> None:
        """Make this the system that the page shows and acts on."""
        self._system = system

    def report(self, output: Output) -> None:
        """Keep the monitor's lines, the devices' logs and clips; all else is read from the system when needed."""
        if output.kind is not OutputKind.LAMP:
            self._thread.loop.call_soon_threadsafe(self._keep, output)

    def _keep(self, output: Output) -> None:
        match output.kind:
            case OutputKind.EVENT:
                self._lines.append(output.text)
                self._lines_so_far += 1
            case OutputKind.LOG:
                self._record.logs.setdefault(output.source, deque(maxlen=KEPT_LOG_LINES)).append(output.text)
            case OutputKind.SOUND:
                cards = self._system.cards_on(output.source) if self._system else []
                self._record.answers.add(output.source, Answer(output.text, output.at, frozenset(cards)))

    async def _watch_redis(self) -> None:
        while True:
            if self._system and self._sockets:
                await asyncio.to_thread(self._record.read, self._system.server)
            await asyncio.sleep(REDIS_INTERVAL_S)

    # ------------------------------------------------------------------ HTTP

    async def _start(self, port: int) -> int:
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.get("/", _file(_FOLDER / "index.html")),
                *(web.get(f"/{name}", _file(_FOLDER / name)) for name in FILES),
                web.get("/audio/prompts.json", _file(CLIPS / "prompts.json")),
                web.get("/audio/{clip:[a-z0-9-]+}.mp3", _clip),
                web.get("/system", self._connect),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, port).start()
        self._watching = asyncio.create_task(self._watch_redis())
        bound: int = self._runner.addresses[0][1]
        return bound

    async def _stop(self) -> None:
        self._race.stop()
        for socket in list(self._sockets):
            await socket.close()
        await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401  # aiohttp's type
        """Refuse the scripts of other sites, including those that use DNS rebinding."""
        hosts = {f"{name}:{self.port}" for name in (HOST, "localhost")}
        origins = {f"http://{host}" for host in hosts}
        if request.host not in hosts or request.headers.get("Origin", f"http://{request.host}") not in origins:
            raise web.HTTPForbidden
        response: web.StreamResponse = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = "default-src 'self'"
            response.headers["Cache-Control"] = "no-cache"
        return response

    async def _connect(self, request: web.Request) -> web.WebSocketResponse:
        if "Origin" not in request.headers:
            raise web.HTTPForbidden
        socket = web.WebSocketResponse(heartbeat=10, max_msg_size=requests.LONGEST)
        await socket.prepare(request)
        if self._system:
            await asyncio.to_thread(self._record.read, self._system.server)  # it is not read while no page is open
        self._sockets.add(socket)
        sending = asyncio.create_task(self._send(socket))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and self._system:
                    await self._answer(self._system, socket, message.data)
        finally:
            sending.cancel()
            self._sockets.discard(socket)
            if self._system and not self._sockets:  # a page that is gone holds no button down
                terminal = self._system.devices["terminal"].pi
                for pin in terminal.pressed:
                    terminal.release(pin)
        return socket

    async def _send(self, socket: web.WebSocketResponse) -> None:
        shown: dict[str, Any] | None = None
        lines_sent = self._lines_so_far - len(self._lines)
        with suppress(ConnectionError):
            while not socket.closed:
                if self._system and (state := self._state(self._system)) != shown:
                    shown = state
                    await socket.send_json(state)
                if new := min(self._lines_so_far - lines_sent, len(self._lines)):
                    lines_sent = self._lines_so_far
                    await socket.send_json({"kind": "lines", "lines": list(self._lines)[-new:]})
                await asyncio.sleep(STATE_INTERVAL_S)

    def _state(self, system: System) -> dict[str, Any]:
        race = {"running": self._race.is_running, "text": self._race.text}
        return state_of(system, self._record) | {"race": race}

    async def _answer(self, system: System, socket: web.WebSocketResponse, line: str) -> None:
        if line == requests.RACE:
            self._racing = asyncio.create_task(asyncio.to_thread(self._race.run, system))
            return
        if not self._race.is_running:
            self._race.text = ""  # the user has gone on
        if requests.command_of(line) == requests.OFFICE:
            visit = asyncio.create_task(self._run(system, socket, line))
            self._at_the_office.add(visit)
            visit.add_done_callback(self._at_the_office.discard)
        else:
            await self._run(system, socket, line)

    async def _run(self, system: System, socket: web.WebSocketResponse, line: str) -> None:
        if message := await asyncio.to_thread(requests.run, system, line):
            with suppress(ConnectionError):
                await socket.send_json(message)


def _file(path: Path) -> Any:  # noqa: ANN401  # aiohttp's handlers
    async def serve(_: web.Request) -> web.FileResponse:
        return web.FileResponse(path)

    return serve


async def _clip(request: web.Request) -> web.FileResponse:
    path = clip_path(request.match_info["clip"])
    if not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path)
