"""What the page makes of what it is told, and of its window. All tests look at one page, whose demo stays as it was."""

from collections.abc import Iterator
from typing import Any

import pytest

from common.rendering import COLORED
from tests.simulator.conftest import opened, running_demo

pytest.importorskip("playwright", reason="there is no playwright for this machine")
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("one-page")]

SIZES = [(1280, 800), (1440, 900), (1024, 768)]
CHOOSING, CHOSEN = {"card": "1", "isChosen": False}, {"card": "1", "isChosen": True}
STEPS_DONE = "async ([card, sale]) => (await import('/steps.js')).stepsDone(card, sale)"
WITH_CARDS = """async cards => {
  const {report, state} = await import("/state.js");
  report({...structuredClone(state), redis: {running: true, cards}});
  return Object.keys(cards).map(name => {
    const card = document.querySelector(`[data-card="${name}"]`);
    return [card.querySelector(".pass").textContent, card.getAttribute("aria-label")];
  });
}"""


@pytest.fixture(scope="module")
def lasting_page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with running_demo(tmp_path_factory.mktemp("demo")) as demo, opened(browser, demo) as page:
        yield page


@pytest.fixture
def page(lasting_page: Page) -> Page:
    lasting_page.set_viewport_size({"width": 1280, "height": 800})
    return lasting_page


def card(name: str | None, has_pass: bool = False, last: str | None = None) -> dict[str, Any]:
    return {"name": name, "hasPass": has_pass, "last": last}


def test_a_line_of_80_columns_is_not_broken(page: Page) -> None:
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("async lines => (await import('/backstage.js')).showLines({lines})", ["m" * 80])
        line = page.locator("#monitor-lines p", has_text="m" * 80).last
        one_line = page.evaluate("element => parseFloat(getComputedStyle(element).lineHeight)", line.element_handle())
        box = line.bounding_box()
        assert box
        assert box["height"] < 1.5 * one_line, (width, height)


@pytest.mark.parametrize(("width", "height"), [(390, 844), (820, 1180), (1280, 600)])
def test_a_smaller_window_scrolls_down_only(page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#redis").scroll_into_view_if_needed()
    box = page.locator("#monitor").bounding_box()
    assert box
    assert box["height"] > 150


def test_the_steps_that_are_done(page: Page) -> None:
    for known, sale, done in (
        (card(None), None, 0),
        (card(None), CHOOSING, 1),
        (card("1"), CHOOSING, 1),
        (card("1"), CHOSEN, 2),
        (card("2"), CHOSEN, 0),
        (card("2", has_pass=True), CHOOSING, 3),
        (card("1", has_pass=True, last="pass-issued"), None, 3),
        (card("1", has_pass=True, last="pass-used"), None, 4),
        (card("1", last="pass-used"), None, 4),
        (card("1", last="pass-denied"), None, 0),
        (card("1", has_pass=True, last="pass-denied"), None, 3),
    ):
        assert page.evaluate(STEPS_DONE, [known, sale]) == done, (known, sale)


def test_choose_a_card_first_is_said_at_the_cards(page: Page) -> None:
    notice = page.locator("#notice")
    for place in ('[data-reader="gate"]', '[data-tap="terminal"]'):
        page.locator(place).click()
        expect(notice).to_contain_text("Choose a card first")
        expect(notice).to_be_visible()
        expect(page.locator("#hint")).to_be_hidden()
        expect(notice).to_be_empty()
        expect(page.locator("#hint")).to_be_visible()


def test_each_colour_of_the_monitor_is_seen(page: Page) -> None:
    codes = {code for code in vars(COLORED).values() if code} - {COLORED.end}
    lines = [f"{code}word{COLORED.end} plain" for code in codes]
    page.evaluate("async lines => (await import('/backstage.js')).showLines({lines})", lines)
    colors = "spans => spans.map(span => getComputedStyle(span).color)"
    coloured = {*page.locator("#monitor-lines p:has(span + span) span:first-child").evaluate_all(colors)}
    plain = {*page.locator("#monitor-lines p:has(span + span) span:last-child").evaluate_all(colors)}
    assert (len(coloured), len(plain)) == (len(codes), 1)
    assert not coloured & plain


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
