"""Sound that the browser blocks until somebody clicks."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("playwright", reason="there is no playwright for this machine")
from playwright.sync_api import Browser, Page, expect

from tests.processes import wait_for
from tests.simulator.browser import SOON_MS
from tests.simulator.chromium import CHROMIUM, QUIET
from tests.simulator.conftest import Demo
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


def open_until_blocked(page: Page, demo: Demo, command: str, clip: str) -> None:
    """Open the page, have another page send a command, and wait until the page has begun to play this clip.

    Only the network is watched: what playwright evaluates in a page counts as a click there.
    """

    def in_service(frame: str | bytes) -> bool:
        return str(frame).count('"problem": null') == 2

    with page.expect_websocket() as connecting:
        page.goto(demo.address)
    connecting.value.wait_for_event("framereceived", in_service, timeout=SOON_MS)
    with connecting.value.expect_event("framereceived", lambda frame: f'"clip": "{clip}"' in str(frame)):
        demo.send(command, lambda message: plays(clip, message))


def test_blocked_sound_is_said_at_the_switch(strict_page: Page, demo: Demo) -> None:
    open_until_blocked(strict_page, demo, "lay gate 3", "access-denied")
    switch = strict_page.locator("#sound")
    expect(switch).to_have_text(BLOCKED)
    for width, height in SIZES:
        strict_page.set_viewport_size({"width": width, "height": height})
        assert strict_page.locator(ALL_OF_IT).evaluate_all(OUTSIDE) == []
    assert strict_page.evaluate("played") == []

    switch.click()
    expect(switch).to_have_text("♪ Sound on")
    demo.send("lay terminal 2", lambda message: plays("select-a-pass", message))
    wait_for(lambda: "select-a-pass.mp3" in strict_page.evaluate("played"))
    expect(switch).to_have_text("♪ Sound on")
    switch.click()
    expect(switch).to_have_text("♪ Sound off")


def test_one_click_starts_what_was_blocked(strict_page: Page, demo: Demo) -> None:
    open_until_blocked(strict_page, demo, "lay terminal 2", "select-a-pass")
    switch = strict_page.locator("#sound")
    expect(switch).to_have_text(BLOCKED)
    switch.click()
    expect(switch).to_have_text("♪ Sound on")
    wait_for(lambda: "select-a-pass.mp3" in strict_page.evaluate("played"))
