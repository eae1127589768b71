"""The demo's page in a real browser, with the demo as a process behind it."""

import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Program, processes_with, wait_for
from tests.simulator.conftest import Demo

pytest.importorskip("playwright", reason="there is no playwright for this machine")
from playwright.sync_api import Browser, Page, expect

from tests.simulator.browser import (
    buy,
    expect_in_service,
    expect_lamp,
    expect_prompt,
    expect_why,
    lay,
    lift,
    lying,
    monitor_lines,
)

pytestmark = pytest.mark.process

SAME_TAP_MS = 2000


def test_a_ten_trip_pass_is_bought_used_up_and_refused(page: Page) -> None:
    buy(page, "2", "ten")
    expect(page.locator("#redis tbody tr", has_text="180844510496")).to_contain_text("TEN_TRIP")
    for left in range(9, -1, -1):
        lay(page, "2", "gate")
        expect_lamp(page, "green")
        expect(page.locator("#monitor-lines p").last).to_contain_text(f"{left} left")
        lift(page, "2", "gate")
        page.wait_for_timeout(SAME_TAP_MS)
    expect(page.locator("#redis tbody tr", has_text="180844510496")).to_have_count(0)
    lay(page, "2", "gate")
    expect_prompt(page, "gate", "access-denied")
    expect_why(page, "gate", "no pass: its ten trips are used up")
    expect(page.locator("#monitor-lines p").last).to_contain_text("denied")

    page.reload()
    expect(lying(page, "gate", "2")).to_be_visible()
    expect(page.locator("#monitor-lines p").last).to_contain_text("denied")
    assert len(monitor_lines(page, "issued")) == 1
    assert len(monitor_lines(page, "used")) == 10
    assert len(monitor_lines(page, "denied")) == 1


def test_cards_can_be_dragged(page: Page) -> None:
    page.locator('[data-card="3"]').drag_to(page.locator('[data-reader="gate"]'))
    expect_prompt(page, "gate", "access-denied")
    lying(page, "gate", "3").drag_to(page.locator("#rack-title"))
    expect(lying(page, "gate")).to_have_count(0)


def test_a_click_on_a_card_on_a_reader_takes_it_off_also_if_another_is_chosen(page: Page) -> None:
    lay(page, "3", "gate")
    page.locator('[data-card="4"]').click()
    lying(page, "gate", "3").click()
    expect(lying(page, "gate")).to_have_count(0)
    expect(page.locator('[data-card="4"]')).to_have_attribute("aria-pressed", "true")
    page.locator('[data-reader="gate"]').click()
    expect(lying(page, "gate", "4")).to_be_visible()


def test_the_keyboard_works(page: Page) -> None:
    for place in ('[data-card="4"]', '[data-reader="terminal"]'):
        page.locator(place).focus()
        page.keyboard.press("Enter")
    expect_prompt(page, "terminal", "select-a-pass")
    page.locator('[data-button="single"]').focus()
    page.keyboard.down("Space")
    expect_prompt(page, "terminal", "tap-card-to-confirm")
    page.keyboard.up("Space")
    lying(page, "terminal", "4").focus()
    page.keyboard.press("Enter")
    expect(lying(page, "terminal", "4")).to_have_count(0)


def test_a_touch_screen_works(browser: Browser, demo: Demo) -> None:
    with browser.new_context(viewport={"width": 1024, "height": 768}, has_touch=True) as context:
        page = context.new_page()
        page.goto(demo.address)
        expect_in_service(page)
        page.locator('[data-card="5"]').tap()
        page.locator('[data-reader="gate"]').tap()
        expect_prompt(page, "gate", "access-denied")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1024


def test_the_demo_survives_a_closed_page_and_leaves_nothing_behind(
    browser: Browser, demo: Demo, tmp_path: Path
) -> None:
    for _ in range(2):
        with browser.new_context() as context:
            page = context.new_page()
            page.goto(demo.address)
            expect_lamp(page, "red")
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(demo.address)
        page.locator("#race").click()
        expect_in_service(page, "gate2")
        port = demo.port
        assert len(processes_with(demo.mark)) >= 4
        assert demo.program.stop(signal.SIGINT) == 130
    wait_for(lambda: not processes_with(demo.mark))
    assert list(tmp_path.iterdir()) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def is_error(message: dict[str, Any]) -> bool:
    return bool(message["kind"] == "error")


def pressed(message: dict[str, Any]) -> list[str]:
    """The terminal's buttons that are down, in a message of the server."""
    return list(message["devices"][0]["pressed"]) if message["kind"] == "state" else []


def test_a_page_that_is_gone_holds_no_button_down(demo: Demo) -> None:
    assert pressed(demo.send("hold ten", lambda message: pressed(message) == ["ten"])) == ["ten"]
    assert pressed(demo.send("later 1h", lambda message: message["kind"] == "state")) == []


def test_a_page_can_send_only_commands_that_do_not_block(demo: Demo) -> None:
    assert demo.send("wait 99", is_error)["text"] == "a page cannot send this command"
    assert demo.send("lay gate 99", is_error)["text"].startswith("no card '99'")


def test_a_port_that_is_in_use_ends_the_demo_with_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Program("simulator.demo", "--port", str(port)) as demo:
            assert demo.end() == 1
            assert demo.errors == [
                f"scripts/demo: port {port} is not available: choose another with --port (Address already in use)"
            ]
