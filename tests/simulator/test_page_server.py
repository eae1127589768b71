"""The page's server, in this process."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from audio.player import CLIPS
from simulator.page.server import FILES, Page, PageError
from simulator.system import System
from tests.simulator.conftest import run_in_thread

RACE_LIMIT_S = 90.0


@pytest.fixture
def page() -> Iterator[Page]:
    with Page(0) as page:
        yield page


def get(url: str, headers: dict[str, str] | None = None) -> tuple[int, str, bytes]:
    """Return the response's status, its content security policy and its body."""

    async def ask() -> tuple[int, str, bytes]:
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            return response.status, response.headers.get("Content-Security-Policy", ""), await response.read()

    return run_in_thread(ask())


@pytest.mark.parametrize(
    "name", ["", *FILES, "audio/prompts.json", "audio/access-granted.mp3", "audio/trips-left-10.mp3"]
)
def test_a_file_of_the_page_may_load_from_this_server_only(page: Page, name: str) -> None:
    status, policy, body = get(page.address + name)
    assert (status, policy) == (200, "default-src 'self'")
    assert body


def test_the_captions_are_those_of_the_clips(page: Page) -> None:
    _, _, captions = get(page.address + "audio/prompts.json")
    assert sorted(json.loads(captions)) == sorted(path.stem for path in CLIPS.glob("*.mp3"))


@pytest.mark.parametrize(
    "name", ["server.py", "__init__.py", "audio/build", "audio/no-such-clip.mp3", "audio/../LICENSE"]
)
def test_no_other_file_is_served(page: Page, name: str) -> None:
    assert get(page.address + name)[0] == 404


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("system", {"Origin": "http://example.com"}),
        ("system", {"Origin": "null"}),
        ("system", {}),
        ("", {"Host": "example.com"}),
        ("", {"Origin": "http://example.com"}),
        ("main.js", {"Host": "example.com"}),
    ],
    ids=str,
)
def test_other_sites_are_refused(page: Page, path: str, headers: dict[str, str]) -> None:
    assert get(page.address + path, headers)[0] == 403


def test_it_listens_to_this_machine_only(page: Page) -> None:
    with socket.socket() as elsewhere:  # another address of this machine, at which a server on all of them would answer
        assert elsewhere.connect_ex(("127.0.0.2", page.port)) != 0


def test_a_port_that_is_in_use(page: Page) -> None:
    with pytest.raises(PageError, match=rf"^port {page.port} is not available: choose another with --port \(Address"):
        Page(page.port)


@pytest.mark.process
def test_a_race_begins_also_with_a_dead_gate_and_while_a_button_is_held_down(page: Page, tmp_path: Path) -> None:
    async def race() -> str:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(page.address + "system", origin=page.address.rstrip("/")) as socket,
        ):
            await socket.send_str("hold single")
            await socket.send_str("race")
            async for message in socket:
                text = message.json().get("race", {}).get("text", "")
                if text.endswith("."):
                    return str(text)
        return ""

    with System(tmp_path, False, page.report) as system:
        page.show(system)
        system.kill("gate")
        assert "got in at" in run_in_thread(asyncio.wait_for(race(), RACE_LIMIT_S))
        assert not system.held
