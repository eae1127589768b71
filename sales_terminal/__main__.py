"""Run the sales terminal: `python -m sales_terminal`."""

from contextlib import ExitStack, closing

from common.clock import Clock
from common.daemon import run
from common.pins import only_user
from common.settings import Settings
from sales_terminal.buttons import Buttons

PROGRAM = "sales-terminal"


def main(settings: Settings) -> None:
    """Build the terminal and run it."""
    clock = Clock()
    with ExitStack() as cleanup:
        cleanup.enter_context(only_user())
        buttons = cleanup.enter_context(closing(Buttons(clock)))

        from audio.speaker import Speaker
        from common.card_reader import CardReader
        from common.mfrc522_driver import Driver
        from common.pass_store import PassStore
        from common.pulse import Pulse
        from common.rights import TO_SELL
        from common.service_manager import ServiceManager
        from sales_terminal.dialogue import Dialogue
        from sales_terminal.terminal import SalesTerminal

        speaker = cleanup.enter_context(closing(Speaker(settings)))
        reader = cleanup.enter_context(closing(CardReader(Driver(clock, settings.reader_gain), clock)))
        service_manager = ServiceManager(clock)
        pulse = Pulse(PROGRAM, settings, service_manager, clock)
        store = cleanup.enter_context(PassStore(settings, TO_SELL, pulse=pulse))
        dialogue = Dialogue(reader, buttons, store, speaker, service_manager, clock)
        SalesTerminal(dialogue, store, speaker, clock).run()


if __name__ == "__main__":
    run(PROGRAM, "Sells passes: tap a card, press the button of a pass, tap the card again.", main)
