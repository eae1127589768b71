"""Sound that the browser blocks until somebody clicks."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("playwright", reason="there is no playwright for this machine")
from playwright.sync_api import Browser, Page, expect

from tests.simulator.browser import SOON_MS
from tests.simulator.conftest import CHROMIUM, QUIET, Demo
from tests.simulator.test_page_layout import ALL_OF_IT, OUTSIDE, SIZES

pytestmark = pytest.mark.process

BLOCKED = "♪ Your browser blocks sound: click here"
NOTE_WHAT_PLAYS = """
  window.played = [];
  const {play} = HTMLMediaElement.prototype;
  HTMLMediaElement.prototype.play = function () {
    this.onplaying = () => played.push(this.src.split("/").at(-1));
    return play.call(this);
  };"""


@pytest.fixture(params=["document-user-activation-required", "user-gesture-required"])
def strict_page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of a browser that plays nothing before a click."""
    arguments = [*QUIET, f"--autoplay-policy={request.param}"]
    with browser.browser_type.launch(executable_path=CHROMIUM, args=arguments) as strict, strict.new_page() as page:
        page.add_init_script(NOTE_WHAT_PLAYS)
        yield page


def plays(clip: str, message: dict[str, Any]) -> bool:
    """Whether a device plays this clip, by a message of the server."""
    return clip in [(device["sound"] or {}).get("clip") for device in message.get("devices", [])]


def test_blocked_sound_is_said_at_the_switch_and_one_click_starts_it(strict_page: Page, demo: Demo) -> None:
    with strict_page.expect_websocket() as connecting:
        strict_page.goto(demo.address)
    connection = connecting.value

    # only the network is watched until the sound begins: what playwright evaluates in a page counts as a click there
    def in_service(frame: str | bytes) -> bool:
        return str(frame).count('"problem": null') == 2

    connection.wait_for_event("framereceived", in_service, timeout=SOON_MS)
    with connection.expect_event("framereceived", lambda frame: '"clip": "select-a-pass"' in str(frame)):
        demo.send("lay terminal 2", lambda message: plays("select-a-pass", message))
    switch = strict_page.locator("#sound")
    expect(switch).to_have_text(BLOCKED)
    assert strict_page.evaluate("played") == []
    for width, height in SIZES:
        strict_page.set_viewport_size({"width": width, "height": height})
        assert strict_page.locator(ALL_OF_IT).evaluate_all(OUTSIDE) == []

    demo.send("lay gate 3", lambda message: plays("access-denied", message))
    switch.click()
    expect(switch).to_have_text("♪ Sound on")
    demo.send("lift 3", lambda message: not plays("access-denied", message))
    demo.send("lay gate 4", lambda message: plays("access-denied", message))
    strict_page.wait_for_function("played.includes('access-denied.mp3')", timeout=SOON_MS)
    expect(switch).to_have_text("♪ Sound on")
    switch.click()
    expect(switch).to_have_text("♪ Sound off")
