"""The page and the operator: blocking, unblocking and crediting through the back office, and the devices' pulses."""

import os
import re
import signal
from pathlib import Path

import pytest

from tests.processes import processes_with
from tests.simulator.conftest import Demo

pytest.importorskip("playwright", reason="there is no playwright for this machine")
from playwright.sync_api import Locator, Page, expect

from tests.simulator.browser import (
    announced,
    buy,
    choose,
    expect_announced,
    expect_in_service,
    expect_lamp,
    expect_why,
    lay,
    lift,
    lying,
    monitor_lines,
    tap,
)

pytestmark = pytest.mark.process

SILENCE_MS = 45_000  # 15 s without a pulse, and time for a busy machine
REQUESTS = 8  # together they take longer than a tap
ASK_OFTEN = """async count => {
  const {send} = await import("/connection.js");
  for (let sent = 0; sent < count; sent += 1) send("office block 2");
}"""
ALIVE, SILENT = "alive", re.compile(r"^silent for \d+ s$")


def ask_office(page: Page, card: str, task: str) -> None:
    """Choose a card, and press a button of the office, with the keyboard."""
    choose(page, card)
    office = page.get_by_role("group", name="Back office, for the chosen card")
    office.get_by_role("button", name=task, exact=True).press("Enter")


def expect_notice(page: Page, text: str) -> None:
    expect(page.locator("#notice")).to_have_text(re.compile(text))


def left_on(page: Page, card: str) -> Locator:
    return page.locator(f'[data-card="{card}"] .pass')


def test_a_lost_card_is_blocked_and_found_again(page: Page) -> None:
    buy(page, "1", "ten")
    ask_office(page, "1", "Block")
    expect_announced(page, r"^The office has done it: card 112125033744: ten trip, 10 trips left, blocked: lost$")
    expect(left_on(page, "1")).to_have_text("blocked")
    expect(page.locator('[data-card="1"]')).to_have_attribute("aria-label", "Card 1, blocked, 10 trips left")
    ask_office(page, "1", "Block")
    expect_notice(page, "^the pass on card 112125033744 is blocked already")
    lay(page, "1", "gate")
    expect_why(page, "gate", "a blocked pass")
    expect_lamp(page, "green", lit=False)
    lift(page, "1", "gate")

    ask_office(page, "1", "Unblock")
    expect(left_on(page, "1")).to_have_text("10 trips left")
    page.wait_for_timeout(2000)  # the same card within 2 s is the same tap
    tap(page, "1", "gate")
    expect(left_on(page, "1")).to_have_text("9 trips left")
    ask_office(page, "1", "Credit a trip")
    expect(left_on(page, "1")).to_have_text("10 trips left")
    ask_office(page, "1", "Credit a trip")
    expect_notice(page, "^card 112125033744 would have more than ten trips")
    expect(page.locator("#monitor-lines")).to_contain_text("credited")
    assert len(monitor_lines(page, "office (demo)")) == 3


def test_what_the_office_refuses_is_said(page: Page) -> None:
    expect(page.locator("#office")).to_be_hidden()
    ask_office(page, "2", "Credit a trip")
    expect_notice(page, "^card 180844510496 holds no pass$")
    ask_office(page, "phone", "Block")
    expect_notice(page, "^the phone has a new number at every tap: the office cannot look it up$")
    page.locator('[data-stop="redis"]').click()
    expect(page.locator("#redis")).to_contain_text("Redis is stopped")
    ask_office(page, "2", "Unblock")
    expect_notice(page, "^no connection to Redis")
    page.locator('[data-stop="redis"]').click()
    expect_in_service(page)
    page.keyboard.press("Escape")
    expect(page.locator("#office")).to_be_hidden()


def test_nothing_waits_for_the_office(page: Page) -> None:
    """A tap is made at once: the page would not take a card away that is laid down only when the office is ready."""
    choose(page, "3")
    page.evaluate(ASK_OFTEN, REQUESTS)
    tap(page, "3", "gate")
    expect_announced(page, "^entry gate: denied: no pass$")
    expect(announced(page).filter(has_text="holds no pass")).to_have_count(REQUESTS)  # each is answered
    expect(lying(page, "gate")).to_have_count(0)


def pulse(page: Page, device: str) -> Locator:
    return page.locator(f'[data-device="{device}"] .pulse')


def test_a_device_that_is_dead_or_cut_off_becomes_silent_and_comes_back(page: Page, demo: Demo) -> None:
    for device in ("terminal", "gate"):
        expect(pulse(page, device)).to_have_text(ALIVE)
    page.locator('[data-cut="terminal"]').click()
    for process in processes_with(demo.mark):
        if b"entry_gate" in Path(f"/proc/{process}/cmdline").read_bytes():
            os.kill(int(process), signal.SIGKILL)
    expect(page.locator('[data-device="gate"] .idle')).to_have_text("Out of service: its program is not running")
    for device in ("terminal", "gate"):
        expect(pulse(page, device)).to_have_text(SILENT, timeout=SILENCE_MS)
        expect(pulse(page, device)).to_have_attribute("data-state", "silent")
    page.locator('[data-cut="terminal"]').click()
    demo.send("start gate", lambda message: message["kind"] == "state" and not message["devices"][1]["problem"])
    for device in ("terminal", "gate"):
        expect(pulse(page, device)).to_have_text(ALIVE)
    page.locator('[data-stop="redis"]').click()
    expect(pulse(page, "gate")).to_be_empty()
