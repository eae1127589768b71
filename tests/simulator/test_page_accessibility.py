"""What a screen reader is given: each outcome once, names and roles; and what axe-core finds."""

import re
from typing import Any

import pytest

pytest.importorskip("playwright", reason="there is no playwright for this machine")
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.simulator.browser import (
    announced,
    buy,
    expect_announced,
    expect_in_service,
    expect_prompt,
    expect_why,
    lay,
    lift,
    press,
    tap,
)

pytestmark = pytest.mark.process

LIVE = '[aria-live]:not([aria-live="off"]), [role="status"], [role="alert"], [role="log"]:not([aria-live])'
ALL_RULES: dict[str, Any] = {"resultTypes": ["violations"]}
COLOUR_RULES = {**ALL_RULES, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
FAINT = """results => results.flatMap(({id, nodes}) => nodes.map(node =>
  `${id}: ${node.target}: ${[...node.any, ...node.all, ...node.none].map(check => check.message)}`))"""


def test_each_outcome_is_said_once(page: Page) -> None:
    page.evaluate("document.querySelector('#announcer').replaceChildren()")  # what was said while the demo started
    buy(page, "1", "single")
    expect_announced(page, "^sales terminal: Thank you. Your card now has a single trip pass.$")
    lay(page, "1", "gate")
    expect_announced(page, "^entry gate: open, go in$")
    expect(page.locator('[data-device="gate"] .prompt')).to_be_empty()  # the chime is over
    lift(page, "1", "gate")
    lay(page, "3", "gate")
    expect_announced(page, "^entry gate: denied: no pass$")
    lay_beside(page, "4", "gate")
    expect_announced(page, "^entry gate: denied: two cards: take one away$")
    for card in ("4", "3"):
        page.locator(f'.lying [data-card="{card}"]').click()
    expect_why(page, "gate", "")
    page.locator('[data-cut="gate"]').click()
    expect_announced(page, "^entry gate: out of service: Redis at .*$")
    page.locator('[data-cut="gate"]').click()
    expect_in_service(page)
    expect_announced(page, "^entry gate: back in service$")
    page.locator('[data-tap="gate"]').click()
    expect_announced(page, "^Choose a card first")

    outcomes = [text for text in announced(page).all_inner_texts() if "denied" in text or "service" in text]
    assert len([text for text in outcomes if text.startswith("entry gate")]) == 4
    expect(page.locator(LIVE)).to_have_count(1)  # nothing else on the page speaks


def lay_beside(page: Page, card: str, device: str) -> None:
    page.locator(f'[data-card="{card}"]').click()
    page.locator(f'[data-reader="{device}"]').click(position={"x": 4, "y": 4})


def test_a_race_tells_its_outcome_once(page: Page) -> None:
    page.locator("#race").click()
    expect_announced(page, "^(Card 1|The forged copy) got in at .* was denied at .*: no pass: its single trip")
    said = announced(page).all_inner_texts()
    assert [text for text in said if re.search("gate: (open|denied)", text)] == []
    page.locator("#race").click()
    expect(page.locator("#race")).to_have_attribute("aria-disabled", "true")
    page.locator("#race").click(force=True)
    expect_announced(page, "^The race is on already.$")
    expect(page.locator("#race")).to_have_attribute("aria-disabled", "false")


def test_a_reloaded_page_says_nothing_of_what_was(page: Page) -> None:
    lay(page, "3", "gate")
    expect_announced(page, "denied: no pass")
    page.reload()
    expect_announced(page, "The demo is running.")
    expect_why(page, "gate", "no pass")
    lay_beside(page, "4", "gate")
    expect_announced(page, "denied: two cards")
    assert announced(page).count() == 2


def test_the_lights_have_names_that_tell_their_state(page: Page) -> None:
    gate = page.get_by_role("region", name="Entry gate")
    for lamp, state in (("red", "lit"), ("yellow", "dark"), ("green", "dark")):
        expect(gate.get_by_role("img", name=f"{lamp} lamp: {state}")).to_be_visible()
    buy(page, "2", "ten")
    tap(page, "2", "gate")
    expect(gate.get_by_role("img", name="green lamp: lit")).to_be_visible()
    expect(gate.get_by_role("img", name="red lamp: dark")).to_be_visible()
    expect(page.get_by_role("log", name="What the monitor has printed")).to_contain_text("ten trip used, 9 left")
    expect(page.get_by_role("button", name="lay a card here: card reader of the entry gate")).to_be_visible()
    page.locator('[data-unplug="gate"]').click()
    expect(page.get_by_role("button", name="wires pulled out: card reader of the entry gate")).to_be_visible()
    page.locator('[data-unplug="gate"]').click()
    expect_in_service(page)


def violations(page: Page, rules: dict[str, Any]) -> list[Any]:
    results = Axe().run(page, options=rules)
    return page.evaluate(FAINT, results.response["violations"])  # type: ignore[no-any-return]


def expect_no_violations(page: Page, state: str) -> None:
    """Expect none, by all rules in light colours, and in dark ones by the rules about colours."""
    checks: tuple[Any, ...] = (("light", ALL_RULES), ("dark", COLOUR_RULES))
    for scheme, rules in checks:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(page, rules) == [], f"{state}, {scheme}"


def test_axe_finds_nothing(page: Page) -> None:
    expect_no_violations(page, "at the start")
    page.get_by_role("button", name="? Keys").click()
    expect_no_violations(page, "the list of keys")
    page.keyboard.press("Escape")

    lay(page, "2", "terminal")
    expect_prompt(page, "terminal", "select-a-pass")
    expect_no_violations(page, "a sale begins")
    press(page, "ten")
    page.keyboard.press("b")
    expect_no_violations(page, "a button is chosen")
    page.keyboard.press("Escape")
    lift(page, "2", "terminal")
    tap(page, "2", "terminal")
    expect(page.locator('[data-card="2"] .pass')).to_have_text("10 trips left")
    lay(page, "2", "gate")
    expect(page.locator('[data-device="gate"] .light-word')).to_have_text("GO")
    expect_no_violations(page, "green, and a pass in Redis")

    page.locator("#add-gate").click()
    expect_in_service(page, "gate2")
    page.locator('[data-card="3"]').click()
    page.locator('[data-reader="gate2"]').click()
    expect(page.locator('[data-device="gate2"] .why')).to_have_text("no pass")
    page.locator('[data-card="2"]').click()  # off the gate's reader
    page.locator('[data-card="2"]').click()
    page.locator('[data-office="block"]').click()
    expect(page.locator('[data-card="2"] .pass')).to_have_text("blocked")
    expect_no_violations(page, "a second gate, a denial, and a chosen card, which is blocked")

    for name in ("gate", "terminal", "monitor"):
        page.locator(f'[data-cut="{name}"]').click()
    page.locator('[data-unplug="gate2"]').click()
    expect(page.locator('[data-device="gate2"]')).to_have_attribute("data-in-service", "false")
    expect(page.locator('[data-device="gate"]')).to_have_attribute("data-in-service", "false")
    expect_no_violations(page, "cut cables")
    page.locator('[data-stop="redis"]').click()
    expect(page.locator("#redis")).to_contain_text("Redis is stopped")
    expect_no_violations(page, "Redis is stopped")
