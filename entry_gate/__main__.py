"""Run the entry gate: `python -m entry_gate`."""

from contextlib import ExitStack, closing

from common.clock import Clock
from common.daemon import run
from common.pins import only_user
from common.settings import Settings
from entry_gate.traffic_light import TrafficLight

PROGRAM = "entry-gate"


def main(settings: Settings) -> None:
    """Build the gate and run it.

    The light comes first: what follows may take time, or fail. The store is closed last: it says that the gate is
    stopped, which may take time too, and no lamp stays lit for that.
    """
    clock = Clock()
    with ExitStack() as in_the_dark, ExitStack() as cleanup:
        cleanup.enter_context(only_user())
        light = cleanup.enter_context(closing(TrafficLight(clock, settings.lamps_active_low)))
        light.refresh(in_service=False)

        # Their imports alone take a second on a small Pi.
        from audio.speaker import Speaker
        from common.card_reader import CardReader
        from common.mfrc522_driver import Driver
        from common.pass_store import PassStore
        from common.pulse import Pulse
        from common.request import RequestNote
        from common.rights import TO_USE
        from common.service_manager import ServiceManager
        from entry_gate.gate import Gate

        speaker = cleanup.enter_context(closing(Speaker(settings)))
        reader = cleanup.enter_context(closing(CardReader(Driver(clock, settings.reader_gain), clock)))
        service_manager = ServiceManager(clock)
        pulse = Pulse(PROGRAM, settings, service_manager, clock)
        store = in_the_dark.enter_context(PassStore(settings, TO_USE, RequestNote.of_this_unit(), pulse))
        Gate(reader, store, light, speaker, service_manager, clock).run()


if __name__ == "__main__":
    run(PROGRAM, "Lets riders in: one tap of a card takes one entry from its pass.", main)
