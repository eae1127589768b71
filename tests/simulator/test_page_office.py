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
    buy,
    choose,
    expect_announced,
    expect_in_service,
    expect_lamp,
    expect_why,
    lay,
    lift,
    monitor_lines,
    tap,
)

pytestmark = pytest.mark.process

SILENCE_MS = 45_000  # 15 s without a pulse, and time for a busy machine
ALIVE, SILENT = "alive", re.compile(r"^silent for \d+ s$")
WITH_CARDS = """async cards => {
  const {report, state} = await import("/state.js");
  report({...structuredClone(state), redis: {running: true, cards}});
  return Object.keys(cards).map(name => {
    const card = document.querySelector(`[data-card="${name}"]`);
    return [card.querySelector(".pass").textContent, card.getAttribute("aria-label")];
  });
}"""


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
    """A tap that is under way ends when it should, not when the office is ready."""
    ask_office(page, "2", "Block")
    tap(page, "3", "gate")
    expect_announced(page, "^entry gate: denied: no pass$")
    expect_announced(page, "holds no pass$")


def test_what_is_left_on_a_card(page: Page) -> None:
    for held, shown, spoken in (
        ({"passType": "SINGLE_USE"}, "1 trip", "1 trip"),
        ({"passType": "TEN_TRIP", "tripsRemaining": "7"}, "7 trips left", "7 trips left"),
        ({"passType": "TEN_TRIP", "tripsRemaining": "1"}, "1 trip left", "1 trip left"),
        ({"passType": "TEN_TRIP", "tripsRemaining": "7", "blocked": "lost"}, "blocked", "blocked, 7 trips left"),
        ({"passType": "TWO_HOUR"}, "not used yet", "not used yet"),
        ({"passType": "TWO_HOUR", "left": 3299}, "54 min left", "54 min left"),
        ({"passType": "TWO_HOUR", "left": 60}, "1 min left", "1 min left"),
        ({"passType": "TWO_HOUR", "left": 59}, "last minute", "last minute"),
        ({"passType": "MONTH"}, "invalid pass", "invalid pass"),
    ):
        fields = {name: value for name, value in held.items() if name != "left"}
        cards = {"1": {"fields": fields, "secondsLeft": held.get("left")}}
        assert page.evaluate(WITH_CARDS, cards) == [[shown, f"Card 1, {spoken}"]]


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
