"""The film of docs/first-hour.md: somebody who reads only what the page says, and a picture of each moment."""

import io
import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, ViewportSize, expect

PICTURES = (
    *("start", "press-a-button", "sold", "open", "denied"),
    *("race-begins", "race-is-over", "cable-is-out", "out-of-service", "repaired"),
)
"""The names of the pictures, in order."""
SIZE: ViewportSize = {"width": 1280, "height": 800}
FOLDER = Path(__file__).resolve().parent / "film"
AWAY_MS = 1000  # as long as a person takes to tap again: the card has to be away for 300 ms
MOST_MS = 30_000  # until the page says what is expected


def picture_file(name: str) -> str:
    """Return the file's name of a picture, which begins with its place in the film."""
    return f"{PICTURES.index(name) + 1:02}-{name}.png"


class Film:
    """A film of a page.

    Args:
        page: the demo's page, just opened.
        folder: where the pictures go.
    """

    def __init__(self, page: Page, folder: Path) -> None:
        self._page = page
        self._folder = folder

    def make(self) -> None:
        """Buy, travel, be denied, race, pull a cable and repair it. Before each act, the page says what to do.

        Raises:
            AssertionError: the page does not say it in time.
        """
        self._buy()
        self._travel()
        self._race()
        self._break_and_repair()

    def _buy(self) -> None:
        self._reads(self._hint, "choose a card, then press Tap at the terminal")
        self._take("start")
        self._click(r"^Card 2, no pass")
        self._click("^Tap the card at the sales terminal")
        self._reads(self._hint, "Press a button of the terminal: red, yellow or green")
        self._reads(self._device("Sales terminal"), "Press the red button for a single trip, yellow for ten trips")
        self._take("press-a-button")
        self._click("^10 trips")
        self._reads(self._hint, "Tap the same card at the terminal again")
        self._page.wait_for_timeout(AWAY_MS)
        self._click("^Tap the card at the sales terminal")
        self._reads(self._device("Sales terminal"), "Thank you. Your card now has a ten trip pass")
        self._reads(self._hint, "The card has a pass. Now tap it at the gate")
        self._take("sold")
        expect(self._button("^Card 2, 10 trips left$")).to_be_visible(timeout=MOST_MS)  # not on a reader: it was tapped

    def _travel(self) -> None:
        self._lay_at_gate()
        self._reads(self._device("Entry gate"), "GO")
        self._reads(self._hint, "You are in. Next: tap a card without a pass")
        self._take("open")
        self._click("^Card 2, 9 trips left, on the entry gate")
        self._click("^Card 3, no pass")
        self._lay_at_gate()
        self._reads(self._device("Entry gate"), "DENIED.*no pass")
        self._take("denied")
        self._click("^Card 3, no pass, on the entry gate")

    def _race(self) -> None:
        self._click("^Card 2, 9 trips left")
        self._reads(self._hint, "start the race")
        self._click("^Race card 1 and its forged copy")
        self._reads(self._notice, "Card 1 buys a single trip")
        self._take("race-begins")
        self._reads(self._notice, "got in at .* was denied at .*: no pass: its single trip is used up")
        self._take("race-is-over")

    def _break_and_repair(self) -> None:
        gate = self._device("Entry gate")
        self._click("^Card 2, 9 trips left")
        self._reads(self._hint, "pull a cable and plug it in again")
        switch = gate.get_by_role("switch", name="Network cable in")
        switch.click()
        self._reads(gate, "Out of service: Redis at .* does not answer in time")
        self._reads(self._hint, "Its switch puts it right")
        self._take("cable-is-out")
        self._lay_at_gate()
        self._reads(gate, "Out of service. Please try again later")
        self._take("out-of-service")
        self._click("^Card 2, 9 trips left, on the entry gate")
        gate.get_by_role("switch", name="Network cable out").click()
        self._reads(gate, "Tap a card with a pass to go in")
        self._click("^Card 2, 9 trips left")
        self._lay_at_gate()
        self._reads(gate, "GO")
        self._reads(self._page.locator("#redis"), "tripsRemaining 8")
        self._take("repaired")

    @property
    def _hint(self) -> Locator:
        return self._page.locator("#hint")

    @property
    def _notice(self) -> Locator:
        return self._page.locator("#notice")

    def _device(self, title: str) -> Locator:
        return self._page.get_by_role("region", name=title, exact=True)

    def _lay_at_gate(self) -> None:
        self._click("^lay a card here: card reader of the entry gate")

    def _click(self, name: str) -> None:
        self._button(name).click()

    def _button(self, name: str) -> Locator:
        return self._page.get_by_role("button", name=re.compile(name))

    def _reads(self, place: Locator, words: str) -> None:
        """Wait until the page says so there, in sight."""
        expect(place).to_have_text(re.compile(words, re.DOTALL), timeout=MOST_MS)
        expect(place).to_be_visible()

    def _take(self, name: str) -> None:
        take_picture(self._page, self._folder / picture_file(name))


def take_picture(page: Page, path: Path) -> None:
    """Write a screenshot as a PNG of 256 colours: a quarter of the bytes, and hardly a difference."""
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE).save(path, optimize=True)
