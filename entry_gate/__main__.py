"""Run the entry gate: `python -m entry_gate`."""

from contextlib import ExitStack, closing

from audio.speaker import Speaker
from common.card_reader import CardReader
from common.clock import Clock
from common.daemon import run
from common.pass_store import PassStore
from common.request import RequestNote
from common.rights import TO_USE
from common.service_manager import ServiceManager
from common.settings import Settings


def main(settings: Settings) -> None:
    """Build the gate and run it."""
    from common.mfrc522_driver import Driver
    from entry_gate.gate import Gate
    from entry_gate.traffic_light import TrafficLight

    clock = Clock()
    with ExitStack() as cleanup:
        light = cleanup.enter_context(closing(TrafficLight(clock)))
        speaker = cleanup.enter_context(closing(Speaker(settings.audio_output, settings.audio_device)))
        reader = cleanup.enter_context(closing(CardReader(Driver(clock), clock)))
        store = cleanup.enter_context(closing(PassStore(settings, TO_USE, RequestNote.of_this_unit())))
        Gate(reader, store, light, speaker, ServiceManager(clock), clock).run()


if __name__ == "__main__":
    run("entry-gate", "Lets riders in: one tap of a card takes one entry from its pass.", main)
