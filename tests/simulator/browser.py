"""What a person does on the demo's page, and sees there."""

import re

import pytest

pytest.importorskip("playwright", reason="there is no playwright for this machine")
from playwright.sync_api import Locator, Page, expect

PRESENTATION_END_MS = 500
SOON_MS = 30_000

expect.set_options(timeout=SOON_MS)


def expect_in_service(page: Page, *devices: str) -> None:
    for device in devices or ("terminal", "gate"):
        expect(page.locator(f'[data-device="{device}"]')).to_have_attribute("data-in-service", "true")


def lying(page: Page, device: str, card: str = "") -> Locator:
    """A card, or all cards, on a device's reader."""
    cards = page.locator(f'[data-device="{device}"] .lying')
    return cards.locator(f'[data-card="{card}"]' if card else "[data-card]")


def choose(page: Page, card: str) -> None:
    if page.locator(f'[data-card="{card}"]').get_attribute("aria-pressed") == "false":
        page.locator(f'[data-card="{card}"]').click()


def lay(page: Page, card: str, device: str) -> None:
    choose(page, card)
    page.locator(f'[data-reader="{device}"]').click()
    expect(lying(page, device, card)).to_be_visible()


def lift(page: Page, card: str, device: str) -> None:
    lying(page, device, card).click()
    expect(lying(page, device)).to_have_count(0)
    page.wait_for_timeout(PRESENTATION_END_MS)


def expect_prompt(page: Page, device: str, clip: str) -> None:
    expect(page.locator(f'[data-device="{device}"] .prompt')).to_have_attribute("data-clip", clip)


def expect_why(page: Page, device: str, why: str) -> None:
    expect(page.locator(f'[data-device="{device}"] .why')).to_have_text(why)


def expect_idle(page: Page, device: str, text: str | re.Pattern[str]) -> None:
    """Expect what a device says while it plays nothing."""
    expect(page.locator(f'[data-device="{device}"] .idle')).to_have_text(text)


def tap(page: Page, card: str, device: str) -> None:
    choose(page, card)
    page.locator(f'[data-tap="{device}"]').click()
    expect(lying(page, device, card)).to_have_count(0)


def press(page: Page, button: str) -> None:
    page.locator(f'[data-button="{button}"]').click()


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


def monitor_lines(page: Page, words: str) -> list[str]:
    return [line for line in page.locator("#monitor-lines p").all_inner_texts() if words in line]


def announced(page: Page) -> Locator:
    """What a screen reader has been given to say, a text each."""
    return page.locator("#announcer p")


def expect_announced(page: Page, text: str) -> None:
    """Expect this to be said, and only once."""
    expect(announced(page).filter(has_text=re.compile(text))).to_have_count(1)
