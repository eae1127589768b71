"""A running demo, and its page in a real browser."""

import asyncio
import os
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
import pytest

from tests.processes import Program

if TYPE_CHECKING:  # there is no playwright for every machine
    from playwright.sync_api import Browser, Page

_Result = TypeVar("_Result")


def run_in_thread(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run it in a loop of its own, in another thread: in this one, playwright's loop may run."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, work).result()


@dataclass
class Demo:
    """A running demo, and the mark in the environment of all its processes."""

    program: Program
    mark: str

    @property
    def address(self) -> str:
        return self.program.wait_for_output("The station is at").split()[4]

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1].rstrip("/"))

    def send(self, command: str, is_answer: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Send what another page would, and return the first message that is an answer."""
        return run_in_thread(self._send(command, is_answer))

    async def _send(self, command: str, is_answer: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(self.address + "system", origin=self.address.rstrip("/")) as system,
        ):
            await system.send_str(command)
            async for message in system:
                if is_answer(answer := message.json()):
                    return dict(answer)
        raise RuntimeError(f"no answer to {command!r}")


@contextmanager
def running_demo(folder: Path) -> Iterator[Demo]:
    """A demo that keeps its files in the folder.

    Raises:
        RuntimeError: it said something on stderr.
    """
    mark = uuid.uuid4().hex
    environment = {**os.environ, "MARK": mark, "TMPDIR": str(folder)}
    with Program("simulator.demo", "--port", "0", environment=environment) as program:
        yield Demo(program, mark)
        if program.process.poll() is None:
            program.stop()
    if program.errors:
        raise RuntimeError("\n".join(program.errors))


@contextmanager
def opened(browser: "Browser", demo: Demo) -> Iterator["Page"]:
    """A demo's page, with both devices in service.

    Raises:
        RuntimeError: a warning or an error was on its console.
    """
    from tests.simulator.browser import expect_in_service

    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.extend([message.text] * (message.type in {"error", "warning"})))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(demo.address)
        expect_in_service(page)
        yield page
        if problems:
            raise RuntimeError("\n".join(problems))


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with running_demo(tmp_path) as demo:
        yield demo


@pytest.fixture
def page(browser: "Browser", demo: Demo) -> Iterator["Page"]:
    with opened(browser, demo) as page:
        yield page
