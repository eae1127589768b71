"""The ways to the demo's page."""

import os
import pwd
import signal
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import way_in
from simulator.page.server import HOST, Page, PageError
from simulator.way_in import directions, open_browser, serve, tunnel
from tests.processes import Program, processes_with, wait_for

ME = pwd.getpwuid(os.getuid()).pw_name
HERE = socket.gethostname()


class TestPort:
    @pytest.fixture
    def taken(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
        """The page's own port, which another program has."""
        with socket.create_server((HOST, 0)) as other:
            port = other.getsockname()[1]
            monkeypatch.setattr(way_in, "PORT", port)
            yield port

    def test_the_next_free_one_is_taken_and_said(self, taken: int) -> None:
        with serve(None) as page:
            assert taken < page.port < taken + way_in.PORTS_TO_TRY
            assert list(directions(page, None, {})) == [
                f"Port {taken} is taken: the page has the next free one, {page.port}.",
                f"The station is at http://127.0.0.1:{page.port}/  Ctrl-C ends it.",
            ]

    def test_none_is_free(self, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(way_in, "PORTS_TO_TRY", 1)
        with pytest.raises(PageError, match=f"^no port from {taken} to {taken} is available: choose another with"):
            serve(None)

    def test_one_that_was_asked_for_is_served_or_refused(self, taken: int) -> None:
        with serve(0) as page:
            assert list(directions(page, 0, {})) == [f"The station is at {page.address}  Ctrl-C ends it."]
        with pytest.raises(PageError, match=f"port {taken} is not available"):
            serve(taken)


class TestTunnel:
    @pytest.mark.parametrize(
        ("connection", "command"),
        [
            ("192.168.1.5 51234 192.168.1.7 22", f"ssh -L 8765:localhost:8765 {ME}@192.168.1.7"),
            ("192.168.1.5 51234 192.168.1.7 2222", f"ssh -p 2222 -L 8765:localhost:8765 {ME}@192.168.1.7"),
            ("2001:db8::5 51234 2001:db8::7 22", f"ssh -L 8765:localhost:8765 {ME}@2001:db8::7"),
            ("fe80::5%eth0 51234 fe80::7%eth0 22", f"ssh -L 8765:localhost:8765 {ME}@{HERE}"),
            ("192.168.1.5 51234 \x1b[2J 22", f"ssh -L 8765:localhost:8765 {ME}@{HERE}"),
            ("192.168.1.5 51234 192.168.1.7 $(reboot)", f"ssh -L 8765:localhost:8765 {ME}@{HERE}"),
            ("192.168.1.5 51234 fe80::7%\x1b[2J 22", f"ssh -L 8765:localhost:8765 {ME}@{HERE}"),
            ("yes", f"ssh -L 8765:localhost:8765 {ME}@{HERE}"),
        ],
    )
    def test_command(self, connection: str, command: str) -> None:
        assert tunnel(8765, connection) == command

    def test_it_is_said_over_ssh(self) -> None:
        with Page(0) as page:
            lines = list(directions(page, 0, {"SSH_CONNECTION": "192.168.1.5 51234 192.168.1.7 22"}))
        assert lines[1:] == [
            f"From your own machine, run this, and open http://localhost:{page.port}/ there:",
            f"  ssh -L {page.port}:localhost:{page.port} {ME}@192.168.1.7",
        ]


@pytest.mark.process
class TestBrowser:
    """A browser that stays open."""

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Path:
        """Where the browser notes what it has opened."""
        return tmp_path / "opened"

    @pytest.fixture
    def environment(self, tmp_path: Path, opened: Path) -> dict[str, str]:
        browser = tmp_path / "browser"
        browser.write_text(f'#!/bin/sh\nprintf %s "$1" >{opened}.new\nmv {opened}.new {opened}\nexec sleep 60\n')
        browser.chmod(0o755)
        return {"BROWSER": str(browser), "DISPLAY": ":0", "MARK": uuid.uuid4().hex}

    def test_it_is_opened_where_there_is_a_display_and_stays(self, environment: dict[str, str], opened: Path) -> None:
        with Program("simulator.demo", "--port", "0", environment=environment) as demo:
            address = demo.wait_for_output("The station is at").split()[4]
            wait_for(opened.exists)
            assert opened.read_text() == address
            assert demo.stop() == 130
        (browser,) = wait_for(lambda: only(processes_with(environment["MARK"])))
        assert "sleep" in command_of(browser)
        os.kill(int(browser), signal.SIGKILL)

    def test_none_is_opened_without_a_display(
        self, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in (environment | {"DISPLAY": "", "WAYLAND_DISPLAY": ""}).items():
            monkeypatch.setenv(name, value)
        open_browser("http://127.0.0.1/")
        assert processes_with(environment["MARK"]) == []

    def test_none_if_none_is_wanted(self, environment: dict[str, str]) -> None:
        with Program("simulator.demo", "--port", "0", "--no-browser", environment=environment) as demo:
            demo.wait_for_output("connected to Redis")
            assert not any("webbrowser" in command_of(process) for process in processes_with(environment["MARK"]))
            assert demo.stop() == 130


def only(found: list[str]) -> list[str] | None:
    return found if len(found) == 1 else None


def command_of(process: str) -> str:
    try:
        return Path("/proc", process, "cmdline").read_text()
    except OSError:
        return ""
