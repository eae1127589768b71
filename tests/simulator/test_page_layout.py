"""The page's layout, measured in the browser: everything in the window, no text outside its box."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from audio.player import CLIPS
from tests.processes import wait_for
from tests.simulator.browser import expect_in_service

pytest.importorskip("playwright", reason="there is no playwright for this machine")
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.process

SIZES = [(1280, 800), (1440, 900), (1024, 768)]
ALL_OF_IT = (
    "header, .steps li, #sound, #show-keys, .device, .pulse, #rack, #race, #office button,"
    " .card, .switch, #monitor, #redis, .later button"
)
PROMPTS: dict[str, str] = json.loads((CLIPS / "prompts.json").read_text(encoding="utf-8"))
LONGEST_PROMPT = max(PROMPTS, key=lambda clip: len(PROMPTS[clip]))
CAPTIONS: list[list[str | None]] = [[LONGEST_PROMPT], ["card-not-supported", "access-denied"], [None, None, None]]
LONGEST_REASON = (
    "no connection to Redis at 127.0.0.1:30303 (Connection reset by peer): check the address and the network"
)
RACE = (
    "The forged copy got in at the second gate. Card 1 was denied at the first gate: no pass: its single trip is"
    " used up."
)
OFFICE = f"The office has done it: card {10**24}: ten trip, 10 trips left, blocked: lost"

OUTSIDE = """elements => elements
  .filter(element => element.checkVisibility())
  .filter(element => {
    const {left, top, right, bottom} = element.getBoundingClientRect();
    return left < 0 || top < 0 || right > innerWidth || bottom > innerHeight;
  })
  .map(element => element.outerHTML.slice(0, 200))"""

SCROLLING = """() => {
  const {scrollWidth, scrollHeight} = document.documentElement;
  return scrollWidth > innerWidth || scrollHeight > innerHeight;
}"""

# by each line of each text, against the innermost box that it should stay in; the monitor and the table scroll, and of
# a log's line the beginning is enough
CLIPPED = """() => {
  const boxes = "button, li, .bubble, .light-word, th, td, p, h1, h2, .bar, .later";
  const others = "#monitor-lines, #announcer, .log, tbody";
  const clipped = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = texts.nextNode());) {
    const element = text.parentElement;
    if (!text.data.trim() || !element.checkVisibility() || element.closest(others)) continue;
    const box = element.closest(boxes).getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const {left, top, right, bottom} of range.getClientRects()) {
      if (left < box.left - 1 || right > box.right + 1 || top < box.top - 2 || bottom > box.bottom + 2) {
        clipped.push(text.data);
      }
    }
  }
  const table = document.querySelector("#redis .content");
  return table.scrollWidth > table.clientWidth ? [...clipped, "the table"] : clipped;
}"""

LONGEST_STATE = """async ([captions, reason, race]) => {
  const {report, state} = await import("/state.js");
  const longest = structuredClone(state);
  const cards = {};
  for (const name of ["1", "2", "3", "copy"]) cards[name] = {fields: {passType: "TEN_TRIP", tripsRemaining: "10"}};
  for (const name of ["4", "5", "6"]) cards[name] = {fields: {passType: "TWO_HOUR"}, secondsLeft: 7199};
  for (const card of Object.values(cards)) card.secondsLeft ??= null;
  cards["3"].fields.blocked = "lost";
  const problems = [reason, null, reason];
  longest.devices.forEach((device, index) => Object.assign(device, {
    problem: problems[index],
    sound: captions[index] && {clip: captions[index], at: -1},
    why: problems[index] ? "" : "no pass: its single trip is used up",
    lit: ["red", "yellow"],
    network: false,
    pulse: {state: "silent", at: 0, silentSeconds: 119},
    log: [`${reason} `.repeat(2), reason],
  }));
  longest.redis.cards = cards;
  longest.monitor.network = false;
  longest.race = {running: false, text: race};
  report(longest);
}"""


SAY = "async text => (await import('/notice.js')).say(text)"


def show_longest(page: Page, captions: Sequence[str | None]) -> None:
    page.evaluate(LONGEST_STATE, [captions, LONGEST_REASON, RACE])


def problems_of(page: Page) -> list[Any]:
    """What is not in the window, and what is outside its box."""
    outside = page.locator(ALL_OF_IT).evaluate_all(OUTSIDE)
    return [*outside, *page.evaluate(CLIPPED), *["the document scrolls"] * page.evaluate(SCROLLING)]


def test_all_of_it_is_in_the_window_also_with_the_longest_words(page: Page) -> None:
    for second_gate in (False, True):
        if second_gate:
            page.locator("#add-gate").click()
            expect_in_service(page, "gate2")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            assert problems_of(page) == [], (width, height, second_gate)
            page.locator('[data-tap="gate"]').click()
            expect(page.locator("#notice")).not_to_be_empty()
            assert problems_of(page) == [], (width, height, second_gate)

    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for captions in CAPTIONS:
            show_longest(page, captions)
            assert problems_of(page) == [], (width, height, captions)
        page.locator('[data-card="4"]').click()
        expect(page.locator("#office")).to_be_visible()
        page.evaluate(SAY, OFFICE)
        assert problems_of(page) == [], (width, height, "a chosen card")
        page.keyboard.press("Escape")


def test_the_newest_lines_of_the_monitor_are_seen(page: Page) -> None:
    page.set_viewport_size({"width": 1024, "height": 768})
    lines = [f"12:00:00  gate2                 card 1303689068602870 {number}" for number in range(100)]
    # shown and looked at in one step: the monitor may print meanwhile
    seen = """async lines => {
      const {showLines} = await import("/backstage.js");
      showLines({lines});
      const list = document.querySelector("#monitor-lines").getBoundingClientRect();
      const inside = line => line.top >= list.top && line.bottom <= list.bottom;
      return [...document.querySelectorAll("#monitor-lines p")]
        .filter(line => inside(line.getBoundingClientRect())).map(line => line.textContent);
    }"""
    assert page.evaluate(seen, lines)[-6:] == lines[-6:]
    show_longest(page, [])  # which leaves the monitor less room
    expect(page.locator("#monitor-lines p").last).to_be_in_viewport(ratio=1)
    wait_for(lambda: page.evaluate(seen, lines)[-1:] == lines[-1:])


def test_nothing_covers_the_steps(page: Page) -> None:
    steps = page.locator(".steps").bounding_box()
    page.locator('[data-reader="gate"]').click()
    expect(page.locator("#notice")).not_to_be_empty()
    notice = page.locator("#notice").bounding_box()
    page.evaluate("document.querySelector('#banner').textContent = 'The demo has ended.'")
    banner = page.locator("#banner").bounding_box()
    assert steps
    assert notice
    assert banner
    assert min(notice["y"], banner["y"]) > steps["y"] + steps["height"]
