"""The page without a mouse: its keys, their list, and the ring around what has the focus."""

import base64
from typing import Any

import pytest

pytest.importorskip("playwright", reason="there is no playwright for this machine")
from playwright.sync_api import Page, expect

from tests.simulator.browser import (
    announced,
    expect_announced,
    expect_idle,
    expect_in_service,
    expect_lamp,
    lay,
    lying,
)

pytestmark = pytest.mark.process

HEIGHT = 800
MARGIN = 12
RING = 2  # pixels: what WCAG asks for
CHOSEN = '[data-card][aria-pressed="true"]'
FOCUSED = """() => {
  const element = document.activeElement;
  const {x, y, width, height} = element.getBoundingClientRect();
  return element === document.body ? null : {name: element.outerHTML.slice(0, 90), x, y, width, height};
}"""

# the pixels of two screenshots that differ by a contrast of at least 3:1 (WCAG 2.2, 2.4.13)
CHANGED = """async pictures => {
  const [before, after] = await Promise.all(pictures.map(async picture => {
    const bytes = Uint8Array.from(atob(picture), letter => letter.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes]));
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    return canvas.getImageData(0, 0, image.width, image.height).data;
  }));
  const linear = value => value <= 10 ? value / 3294 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = (data, at) =>
    0.2126 * linear(data[at]) + 0.7152 * linear(data[at + 1]) + 0.0722 * linear(data[at + 2]) + 0.05;
  let changed = 0;
  for (let at = 0; at < before.length; at += 4) {
    const [one, other] = [luminance(before, at), luminance(after, at)];
    if (Math.max(one, other) / Math.min(one, other) >= 3) changed += 1;
  }
  return changed;
}"""


def keys(page: Page, *pressed: str) -> int:
    """Press keys, and return how many."""
    for key in pressed:
        page.keyboard.press(key)
    return len(pressed)


def test_a_sale_and_an_entry_take_at_most_12_keys(page: Page) -> None:
    count = keys(page, "1", "t")
    expect_announced(page, "Press the red button")
    expect(lying(page, "terminal")).to_have_count(0)
    count += keys(page, "b", "2")
    expect_idle(page, "terminal", "Tap the same card again, to confirm.")
    count += keys(page, "t")
    expect(page.locator('[data-card="1"] .pass')).to_have_text("10 trips left")
    expect(lying(page, "terminal")).to_have_count(0)
    count += keys(page, "g")
    expect_lamp(page, "green")
    expect(page.locator('[data-card="1"] .pass')).to_have_text("9 trips left")
    assert count <= 12


def test_each_card_and_each_button_has_a_key(page: Page) -> None:
    names = ["1", "2", "3", "4", "5", "6", "copy", "phone"]
    for number, name in enumerate(names, 1):
        if name == "copy":
            continue
        keys(page, str(number))
        expect(page.locator(CHOSEN)).to_have_attribute("data-card", name)
        expect(page.locator(":focus")).to_have_attribute("data-card", name)
    keys(page, "Escape")
    expect(page.locator(CHOSEN)).to_have_count(0)
    for number, name in enumerate(["single", "ten", "two"], 1):
        keys(page, "b")
        expect(page.locator("[data-button] kbd:visible")).to_have_text(["1", "2", "3"])
        keys(page, str(number))
        expect(page.locator(f'[data-button="{name}"]')).to_be_focused()
        expect(page.locator("[data-button] kbd:visible")).to_have_count(0)
    expect(announced(page).filter(has_text="Please tap your card first").first).to_be_attached()
    assert page.locator(CHOSEN).count() == 0
    keys(page, "b", "4")  # any other key is what it always is
    expect(page.locator(CHOSEN)).to_have_attribute("data-card", "4")

    lay(page, "3", "gate")
    keys(page, "3")
    expect(lying(page, "gate")).to_have_count(0)


def test_the_keys_of_the_second_gate(page: Page) -> None:
    for key in ("7", "h"):
        keys(page, key)
        expect(page.locator("#notice")).to_contain_text("second gate")
        keys(page, "t")
        expect(page.locator("#notice")).to_contain_text("Choose a card first")
    page.locator("#add-gate").focus()
    keys(page, "Enter")
    expect_in_service(page, "gate2")
    expect(page.locator('[data-tap="gate2"]')).to_be_focused()  # for its button is gone
    keys(page, "7", "h")
    expect_announced(page, "second entry gate: denied: no pass")


def test_the_list_of_keys_is_a_dialog_that_a_button_opens_too(page: Page) -> None:
    dialog = page.get_by_role("dialog", name="Keys")
    keys(page, "?")
    expect(dialog).to_be_visible()
    keys(page, "1", "t", "?")
    keys(page, "Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator(CHOSEN)).to_have_count(0)
    expect(page.locator("#notice")).to_be_empty()
    expect(page.get_by_role("button", name="? Keys")).to_be_focused()

    page.get_by_role("button", name="? Keys").click()
    listed = dialog.locator("kbd").all_inner_texts()
    for element in page.locator("[aria-keyshortcuts]").all():
        key = element.get_attribute("aria-keyshortcuts") or ""
        assert key in listed or key in "2345", key  # these are in "1 to 6"
    dialog.get_by_role("checkbox", name="Use these keys").uncheck()
    dialog.get_by_role("button", name="Close").click()
    keys(page, "1", "?")
    page.reload()
    expect_in_service(page)
    keys(page, "1", "?")
    expect(dialog).to_be_hidden()
    expect(page.locator(CHOSEN)).to_have_count(0)


def test_keys_are_left_to_fields_and_to_the_browser(page: Page) -> None:
    said = announced(page).count()
    page.evaluate("document.querySelector('#rack').append(document.createElement('input'))")
    page.locator("#rack input").focus()
    keys(page, "1", "t", "b", "?")
    expect(page.locator("#rack input")).to_have_value("1tb?")
    page.locator("#rack input").blur()
    keys(page, "Control+1", "Alt+1", "Meta+1", "Control+b")
    expect(page.locator(CHOSEN)).to_have_count(0)
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#notice")).to_be_empty()
    assert announced(page).count() == said
    keys(page, "1")
    expect(page.locator(CHOSEN)).to_have_count(1)


def test_a_key_that_is_held_down_is_one(page: Page) -> None:
    page.keyboard.press("4")
    for key, place in (("Enter", '[data-cut="gate"]'), ("4", '[data-card="4"]')):
        page.locator(place).focus()
        for _ in range(4):  # from the second on, playwright calls it a repetition
            page.keyboard.down(key)
        page.keyboard.up(key)
    expect(page.locator('[data-cut="gate"]')).to_have_attribute("aria-checked", "false")
    expect(page.locator(CHOSEN)).to_have_count(0)
    page.locator('[data-cut="gate"]').click()
    expect_in_service(page)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1024)])
def test_it_is_always_seen_what_has_the_focus(page: Page, scheme: Any, width: int) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.locator("#add-gate").click()
    expect_in_service(page, "gate2")
    expect(page.locator('[data-card="copy"]')).to_be_visible()
    lay(page, "3", "gate")
    expect_idle(page, "gate", "Tap a card with a pass to go in.")
    keys(page, "4")
    expect(page.locator(CHOSEN)).to_have_count(1)
    page.evaluate("document.querySelector('#sound').focus()")
    stops = 0
    hardly_seen = []
    while focused := page.evaluate(FOCUSED):
        stops += 1
        left, top = max(0, focused["x"] - MARGIN), max(0, focused["y"] - MARGIN)
        right = min(width, focused["x"] + focused["width"] + MARGIN)
        bottom = min(HEIGHT, focused["y"] + focused["height"] + MARGIN)
        clip: Any = {"x": left, "y": top, "width": right - left, "height": bottom - top}
        pictures = [page.screenshot(clip=clip)]
        page.evaluate("document.activeElement.blur()")
        pictures.append(page.screenshot(clip=clip))
        changed = page.evaluate(CHANGED, [base64.b64encode(picture).decode() for picture in pictures])
        if changed < RING * 2 * (focused["width"] + focused["height"]):
            hardly_seen.append((focused["name"], changed))
        keys(page, "Tab")
    assert hardly_seen == []
    assert stops > 30
