"""What the page tells the user: the steps, captions, why a card is denied, what is broken, and the race."""

import json
import re

import pytest

from audio.player import CLIPS

pytest.importorskip("playwright", reason="there is no playwright for this machine")
from playwright.sync_api import Page, expect

from tests.simulator.browser import (
    buy,
    expect_idle,
    expect_in_service,
    expect_lamp,
    expect_prompt,
    expect_why,
    lay,
    lift,
    lying,
    press,
    tap,
)

pytestmark = pytest.mark.process

CAPTIONS: dict[str, str] = json.loads((CLIPS / "prompts.json").read_text(encoding="utf-8"))
BUY, ENTER = "Tap a card to buy a pass.", "Tap a card with a pass to go in."


def expect_steps(page: Page, done: int) -> None:
    """Expect so many steps to be ticked, and the next one to be lit."""
    steps = page.locator(".steps li")
    expect(page.locator("body")).to_have_attribute("data-done", str(done))
    expect(page.locator(".steps .done b")).to_have_text(["✓"] * done)
    expect(page.locator(".steps [aria-current]")).to_have_count(int(done < 4))
    if done < 4:
        expect(steps.nth(done)).to_have_attribute("aria-current", "step")


def test_the_steps_follow_the_card_that_the_user_works_with(page: Page) -> None:
    expect_steps(page, 0)
    tap(page, "1", "terminal")
    expect_steps(page, 1)
    press(page, "single")
    expect_steps(page, 2)
    tap(page, "1", "terminal")
    expect_steps(page, 3)
    tap(page, "1", "gate")
    expect_steps(page, 4)
    expect(page.locator("#hint")).to_contain_text("race")
    page.locator('[data-card="2"]').click()
    expect_steps(page, 0)


def test_a_caption_lasts_as_long_as_what_it_describes(page: Page) -> None:
    expect_idle(page, "terminal", BUY)
    tap(page, "1", "terminal")
    expect(page.locator('[data-device="terminal"] .prompt')).to_have_text(CAPTIONS["select-a-pass"])
    expect_prompt(page, "terminal", "")
    expect_idle(page, "terminal", re.compile("^Press a button"))
    press(page, "ten")
    expect_idle(page, "terminal", re.compile("^Tap the same card again"))
    tap(page, "2", "terminal")
    expect(page.locator('[data-device="terminal"] .prompt')).to_have_text(CAPTIONS["mismatch-cancel"])
    expect_idle(page, "terminal", BUY)
    lay(page, "1", "gate")
    expect(page.locator('[data-device="gate"] .prompt')).to_have_text(CAPTIONS["access-denied"])
    expect_why(page, "gate", "no pass")
    expect_idle(page, "gate", ENTER)
    lift(page, "1", "gate")
    expect_why(page, "gate", "")


def test_a_denial_says_why(page: Page) -> None:
    tap(page, "phone", "gate")
    expect_why(page, "gate", "a phone is not a card")
    tap(page, "phone", "terminal")
    expect_why(page, "terminal", "a phone is not a card")
    lay(page, "3", "gate")
    expect_why(page, "gate", "no pass")
    page.locator('[data-card="4"]').click()
    page.locator('[data-reader="gate"]').click(position={"x": 4, "y": 4})
    expect_why(page, "gate", "two cards: take one away")
    for laid in ("4", "3"):  # the one on top first
        lying(page, "gate", laid).click()

    buy(page, "6", "two")
    tap(page, "6", "gate")
    expect(page.locator('[data-card="6"] .pass')).to_contain_text("left")
    page.locator('[data-later="2h"]').click()
    expect(page.locator('[data-card="6"] .pass')).to_have_text("no pass")
    page.wait_for_timeout(2000)  # the same card within 2 s is the same tap
    tap(page, "6", "gate")
    expect_why(page, "gate", "a two-hour pass that ran out")


def test_what_is_broken_is_seen_on_the_thing_and_put_right_by_its_switch(page: Page) -> None:
    cable = page.locator('[data-cable="gate"]')
    expect(cable).to_have_class("cable")
    page.locator('[data-cut="gate"]').click()
    expect(cable).to_have_class("cut cable")
    expect(page.locator('[data-cable="terminal"]')).to_have_class("cable")
    expect(page.locator("#cables .break")).to_have_count(1)
    expect_lamp(page, "yellow")
    expect_idle(page, "gate", re.compile("^Out of service: Redis at .* does not answer in time"))
    expect(page.locator("#hint")).to_contain_text("switch")
    lay(page, "1", "gate")
    expect(page.locator('[data-device="gate"] .prompt')).to_have_text(CAPTIONS["out-of-service"])
    lift(page, "1", "gate")
    page.locator('[data-cut="gate"]').click()
    expect_in_service(page)
    expect(cable).to_have_class("cable")
    expect_idle(page, "gate", ENTER)

    page.locator('[data-unplug="terminal"]').click()
    expect(page.locator('[data-device="terminal"] .wires')).to_be_visible()
    expect(page.locator('[data-device="gate"] .wires')).to_be_hidden()
    expect_idle(page, "terminal", re.compile("^Out of service: the card reader does not answer"))
    page.locator('[data-unplug="terminal"]').click()
    expect_in_service(page)

    page.locator('[data-cut="monitor"]').click()
    expect(page.locator('[data-cable="monitor"]')).to_have_class("cut cable")
    expect(page.locator("#monitor-note")).to_contain_text("No network")
    page.locator('[data-cut="monitor"]').click()

    page.locator('[data-stop="redis"]').click()
    expect(page.locator("#redis")).to_contain_text("Redis is stopped")
    expect(page.locator("#cables .dead")).to_have_count(3)
    for device in ("terminal", "gate"):
        expect_idle(page, device, re.compile("^Out of service: no connection to Redis"))
    expect_lamp(page, "yellow")
    page.locator('[data-stop="redis"]').click()
    expect_in_service(page)
    expect(page.locator("#cables .dead")).to_have_count(0)


def expect_race(page: Page) -> None:
    """Expect the race's end: one got in, the other did not, and it is said why."""
    expect(page.locator("#notice")).to_have_text(
        re.compile(
            r"^(Card 1|The forged copy) got in at the (first|second) gate\. (The forged copy|Card 1) was denied"
            r" at the (second|first) gate: no pass: its single trip is used up\.$"
        )
    )
    expect(page.locator("#race")).to_be_enabled()
    for device in ("terminal", "gate", "gate2"):
        expect(lying(page, device)).to_have_count(0)
    expect(page.locator('[data-card="1"] .pass')).to_have_text("no pass")


def test_the_race_does_what_it_says_and_tells_who_got_in(page: Page) -> None:
    page.locator("#race").click()
    expect(page.locator("#race")).to_be_disabled()
    expect_race(page)
    page.locator("#race").click()
    expect(page.locator("#notice")).to_contain_text("Card 1 buys")
    expect_race(page)
    lay(page, "2", "gate")
    expect(page.locator("#notice")).to_be_empty()


def test_the_race_starts_from_any_state(page: Page) -> None:
    buy(page, "1", "ten")
    tap(page, "2", "terminal")
    press(page, "two")  # card 2's sale waits for its second tap
    expect_prompt(page, "terminal", "tap-card-to-confirm")
    lay(page, "3", "gate")
    lay(page, "1", "terminal")
    page.locator('[data-unplug="gate"]').click()
    page.locator('[data-cut="terminal"]').click()
    page.locator('[data-stop="redis"]').click()
    expect(page.locator("#redis")).to_contain_text("Redis is stopped")
    page.locator("#race").click()
    expect(page.locator('[data-device="gate2"]')).to_be_visible()
    expect_race(page)
    expect_in_service(page, "terminal", "gate", "gate2")
    expect(page.locator("#cables .break")).to_have_count(0)
