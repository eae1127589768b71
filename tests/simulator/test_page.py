"""The demo's page in a real browser, with the demo as a process behind it."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import uuid
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest

from audio.player import CLIPS
from tests.processes import Program, processes_with, wait_for

pytest.importorskip("playwright", reason="there is no playwright for this machine")
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

pytestmark = pytest.mark.process

CAPTIONS: dict[str, str] = json.loads((CLIPS / "prompts.json").read_text(encoding="utf-8"))
CHROMIUM = shutil.which("chromium")
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SAME_TAP_MS = 2000
PRESENTATION_END_MS = 500
SOON_MS = 30_000
Answer = TypeVar("Answer")

expect.set_options(timeout=SOON_MS)


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


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    mark = uuid.uuid4().hex
    environment = {**os.environ, "MARK": mark, "TMPDIR": str(tmp_path)}
    with Program("simulator.demo", "--port", "0", environment=environment) as program:
        yield Demo(program, mark)
        if program.process.poll() is None:
            program.stop()
    if program.errors:
        raise RuntimeError("\n".join(program.errors))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM and "CI" not in os.environ:
        pytest.skip("no chromium on PATH")
    with (
        sync_playwright() as driver,
        driver.chromium.launch(executable_path=CHROMIUM, args=QUIET) as browser,
    ):
        yield browser


@pytest.fixture
def page(browser: Browser, demo: Demo) -> Iterator[Page]:
    """The page; any warning or error on its console fails the test."""
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


def expect_in_service(page: Page) -> None:
    for device in ("terminal", "gate"):
        expect(page.locator(f'[data-device="{device}"] .log')).to_contain_text("connected to Redis")
    expect_lamp(page, "yellow", lit=False)


def lying(page: Page, device: str, card: str = "") -> Locator:
    """A card, or all cards, on a device's reader."""
    cards = page.locator(f'[data-device="{device}"] .lying')
    return cards.locator(f'[data-card="{card}"]' if card else "[data-card]")


def lay(page: Page, card: str, device: str) -> None:
    page.locator(f'[data-card="{card}"]').click()
    page.locator(f'[data-reader="{device}"]').click()
    expect(lying(page, device, card)).to_be_visible()


def lift(page: Page, card: str, device: str) -> None:
    lying(page, device, card).click()
    expect(lying(page, device)).to_have_count(0)
    page.wait_for_timeout(PRESENTATION_END_MS)


def expect_prompt(page: Page, device: str, clip: str) -> None:
    expect(page.locator(f'[data-device="{device}"] .prompt')).to_have_attribute("data-clip", clip)


def expect_lamp(page: Page, lamp: str, device: str = "gate", lit: bool = True) -> None:
    place = page.locator(f'[data-device="{device}"] [data-lamp="{lamp}"]')
    expect(place).to_have_attribute("data-lit", str(lit).lower())


def buy(page: Page, card: str, button: str) -> None:
    lay(page, card, "terminal")
    expect_prompt(page, "terminal", "select-a-pass")
    page.locator(f'[data-button="{button}"]').hover()
    page.mouse.down()
    expect_prompt(page, "terminal", "tap-card-to-confirm")
    page.mouse.up()
    lift(page, card, "terminal")
    lay(page, card, "terminal")
    expect(page.locator('[data-device="terminal"] .prompt')).to_have_attribute("data-clip", re.compile("thank-you"))
    lift(page, card, "terminal")


def in_a_thread(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run it in another thread: in this one, playwright's loop runs."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, work).result()


def monitor_lines(page: Page, words: str) -> list[str]:
    return [line for line in page.locator("#monitor-lines li").all_inner_texts() if words in line]


def test_a_ten_trip_pass_is_bought_used_up_and_refused(page: Page) -> None:
    buy(page, "2", "ten")
    expect(page.locator("#redis tbody tr", has_text="180844510496")).to_contain_text("TEN_TRIP")
    for left in range(9, -1, -1):
        lay(page, "2", "gate")
        expect_lamp(page, "green")
        expect(page.locator("#monitor-lines li").last).to_contain_text(f"{left} left")
        lift(page, "2", "gate")
        page.wait_for_timeout(SAME_TAP_MS)
    expect(page.locator("#redis tbody tr", has_text="180844510496")).to_have_count(0)
    lay(page, "2", "gate")
    expect_prompt(page, "gate", "access-denied")
    expect(page.locator("#monitor-lines li").last).to_contain_text("denied")

    page.reload()
    expect(lying(page, "gate", "2")).to_be_visible()
    expect(page.locator("#monitor-lines li").last).to_contain_text("denied")
    assert len(monitor_lines(page, "issued ten trip")) == 1
    assert len(monitor_lines(page, "ten trip used")) == 10
    assert len(monitor_lines(page, "denied")) == 1


def test_a_cut_network_shows_yellow(page: Page) -> None:
    page.locator('[data-cut="gate"]').click()
    expect_lamp(page, "yellow")
    expect(page.locator('[data-device="gate"] .light-word')).to_contain_text(
        re.compile("out of service", re.IGNORECASE)
    )
    lay(page, "1", "gate")
    expect_prompt(page, "gate", "out-of-service")
    expect(page.locator('[data-device="gate"] .bubble')).to_have_text(CAPTIONS["out-of-service"])
    page.locator('[data-cut="gate"]').click()
    expect_lamp(page, "yellow", lit=False)


def test_redis_stopped_and_a_reader_unplugged(page: Page) -> None:
    page.locator('[data-stop="redis"]').click()
    expect_lamp(page, "yellow")
    expect(page.locator("#redis")).to_contain_text(re.compile("stopped", re.IGNORECASE))
    page.locator('[data-stop="redis"]').click()
    expect_lamp(page, "yellow", lit=False)
    page.locator('[data-unplug="gate"]').click()
    expect_lamp(page, "yellow")
    page.locator('[data-unplug="gate"]').click()
    expect_lamp(page, "yellow", lit=False)


def test_two_gates_race_for_the_last_trip(page: Page) -> None:
    buy(page, "1", "single")
    page.locator("#add-gate").click()
    expect_lamp(page, "red", "gate2")
    expect_lamp(page, "yellow", "gate2", lit=False)  # now it is in service
    page.locator("#race").click()
    for words in ("single trip used", "denied"):
        expect(page.locator("#monitor-lines li", has_text=words)).to_have_count(1)


def test_two_hours_pass(page: Page) -> None:
    buy(page, "6", "two")
    lay(page, "6", "gate")
    expect_lamp(page, "green")
    lift(page, "6", "gate")
    expect(page.locator("#redis tbody tr", has_text="1303689068602870")).to_be_visible()
    page.locator('[data-later="2h"]').click()
    expect(page.locator("#redis tbody tr", has_text="1303689068602870")).to_have_count(0)


def test_cards_can_be_dragged(page: Page) -> None:
    page.locator('[data-card="3"]').drag_to(page.locator('[data-reader="gate"]'))
    expect_prompt(page, "gate", "access-denied")
    lying(page, "gate", "3").drag_to(page.locator("#rack-title"))
    expect(lying(page, "gate")).to_have_count(0)


def test_the_keyboard_works(page: Page) -> None:
    for place in ('[data-card="4"]', '[data-reader="terminal"]'):
        page.locator(place).focus()
        page.keyboard.press("Enter")
    expect_prompt(page, "terminal", "select-a-pass")
    page.locator('[data-button="single"]').focus()
    page.keyboard.down("Space")
    expect_prompt(page, "terminal", "tap-card-to-confirm")
    page.keyboard.up("Space")
    lying(page, "terminal", "4").focus()
    page.keyboard.press("Enter")
    expect(lying(page, "terminal", "4")).to_have_count(0)


def test_a_touch_screen_works(browser: Browser, demo: Demo) -> None:
    with browser.new_context(viewport={"width": 1024, "height": 768}, has_touch=True) as context:
        page = context.new_page()
        page.goto(demo.address)
        expect_in_service(page)
        page.locator('[data-card="5"]').tap()
        page.locator('[data-reader="gate"]').tap()
        expect_prompt(page, "gate", "access-denied")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1024


def test_the_demo_survives_a_closed_page_and_leaves_nothing_behind(
    browser: Browser, demo: Demo, tmp_path: Path
) -> None:
    for _ in range(2):
        with browser.new_context() as context:
            page = context.new_page()
            page.goto(demo.address)
            expect_lamp(page, "red")
    with browser.new_context() as context:
        context.new_page().goto(demo.address)
        port = demo.port
        assert len(processes_with(demo.mark)) >= 4
        assert demo.program.stop(signal.SIGINT) == 130
    wait_for(lambda: not processes_with(demo.mark))
    assert list(tmp_path.iterdir()) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_page_can_send_only_commands_that_do_not_block(demo: Demo) -> None:
    async def send(line: str) -> str:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(demo.address + "system", origin=demo.address.rstrip("/")) as system,
        ):
            await system.send_str(line)
            async for message in system:
                if (answer := message.json())["kind"] == "error":
                    return str(answer["text"])
        return ""

    assert in_a_thread(send("wait 99")) == "a page cannot send this command"
    assert in_a_thread(send("lay gate 99")).startswith("unknown card '99'")


def test_a_port_that_is_in_use_ends_the_demo_with_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Program("simulator.demo", "--port", str(port)) as demo:
            assert demo.end() == 1
            assert demo.errors == [
                f"scripts/demo: port {port} is not available: choose another with --port (Address already in use)"
            ]
