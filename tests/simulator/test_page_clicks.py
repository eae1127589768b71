"""Clicks that come twice, and what is so already: nothing is silent, nothing is left behind."""

import re
from pathlib import Path

import pytest

from tests.processes import processes_with
from tests.simulator.conftest import Demo

pytest.importorskip("playwright", reason="there is no playwright for this machine")
from playwright.sync_api import Page, expect

from tests.simulator.browser import announced, expect_in_service, lying, monitor_lines

pytestmark = pytest.mark.process


def expect_notice(page: Page, text: str) -> None:
    expect(page.locator("#notice")).to_have_text(re.compile(text))


def servers(demo: Demo) -> int:
    names = [Path(f"/proc/{process}/comm").read_text() for process in processes_with(demo.mark)]
    return sum("server" in name for name in names)


def test_a_double_click_on_a_switch_is_one(page: Page, demo: Demo) -> None:
    assert servers(demo) == 1
    for switch, off, on in (
        ('[data-cut="gate"]', "Network cable: already out", "Network cable: already in"),
        ('[data-unplug="terminal"]', "Reader wires: already out", "Reader wires: already in"),
        ('[data-stop="redis"]', "Server: already stopped", "Server: already running"),
    ):
        place = page.locator(switch)
        place.dblclick()
        expect_notice(page, off)
        expect(place).to_have_attribute("aria-checked", "false")
        place.dblclick()
        expect_notice(page, on)
        expect(place).to_have_attribute("aria-checked", "true")
    expect_in_service(page)
    assert servers(demo) == 1


def test_a_double_click_adds_one_gate(page: Page) -> None:
    page.locator("#add-gate").dblclick()
    expect_notice(page, "on its way")
    expect_in_service(page, "gate2")
    expect(page.locator(".device")).to_have_count(3)


def test_a_double_click_is_one_tap(page: Page) -> None:
    page.locator('[data-card="3"]').dblclick()
    expect_notice(page, "The card is chosen already")
    expect(page.locator('[data-card="3"]')).to_have_attribute("aria-pressed", "true")
    page.locator('[data-tap="gate"]').dblclick()
    expect_notice(page, "one tap at a time")
    expect(lying(page, "gate")).to_have_count(0)
    expect(page.locator("#monitor-lines")).to_contain_text("denied: no pass")
    page.locator('[data-card="4"]').click()
    page.locator('[data-reader="gate"]').dblclick()
    expect_notice(page, "lies there already")
    expect(lying(page, "gate", "4")).to_be_visible()
    expect(page.locator("#monitor-lines p", has_text="denied")).to_have_count(2)
    assert len(monitor_lines(page, "denied")) == 2


def test_a_double_click_on_a_button_is_one_press(page: Page) -> None:
    def is_release(frame: str | bytes) -> bool:
        return "release" in str(frame)

    with page.expect_websocket() as connecting:
        page.reload()
    expect_in_service(page)
    sent: list[str] = []
    connecting.value.on("framesent", lambda frame: sent.append(str(frame)))
    button = page.locator('[data-button="ten"]')
    for press in (button.dblclick, button.click):
        with connecting.value.expect_event("framesent", is_release):
            press()
    assert sent == ["hold ten", "release ten"] * 2
    expect(page.locator("#notice")).to_be_empty()
    expect(announced(page).filter(has_text="Please tap your card first").first).to_be_attached()


def test_a_double_click_starts_one_race(page: Page) -> None:
    page.locator("#race").dblclick()
    expect_notice(page, "The race is on already|Getting ready")
    expect(page.locator("#announcer")).to_contain_text("The race is on already.")
    expect_notice(page, "got in at")
    assert len(monitor_lines(page, "issued single trip")) == 1


def test_time_that_passes_is_told(page: Page) -> None:
    page.locator('[data-later="1h"]').click()
    expect_notice(page, "1 hour later")
    page.locator('[data-stop="redis"]').click()
    expect(page.locator("#redis")).to_contain_text("Redis is stopped")
    page.locator('[data-later="1h"]').click()
    expect_notice(page, "Redis is not running")
    page.locator('[data-stop="redis"]').click()
    expect_in_service(page)
