"""The dialogue with a rider: prompts, and the taps and presses that answer them."""

from audio.speaker import Speaker
from common.card_reader import CardReader
from common.cards import Card
from common.clock import Clock
from common.pace import Pace
from common.pass_store import PassStore
from common.passes import PassType
from common.presentations import Presentation
from common.service_manager import ServiceManager
from sales_terminal.buttons import Buttons

ANSWER_S = 30.0
REPEAT_S = 10.0


class NoAnswer(Exception):  # noqa: N818  # an end of a sale, not a fault
    """The rider has neither pressed a button nor tapped in time."""


class ReaderOutOfService(Exception):  # noqa: N818  # a state, reported by the reader
    """The card reader has stopped answering."""


class Dialogue:
    """Plays prompts and waits for the rider; meanwhile it tells the service manager of problems.

    Every wait polls the reader, so that a presentation is known to be fresh; only `wait_for_reader` goes on without
    it, the others raise `ReaderOutOfService`.
    """

    def __init__(
        self,
        reader: CardReader,
        buttons: Buttons,
        store: PassStore,
        speaker: Speaker,
        service_manager: ServiceManager,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._buttons = buttons
        self._store = store
        self._speaker = speaker
        self._service_manager = service_manager
        self._clock = clock
        self._pace = Pace(clock)

    def wait_for_card(self) -> Card:
        """Wait for a tap, stop the prompt and return the card; a press before it is told what to do first."""
        while not (card := self._tap()):
            self._answer_press()
            self._pace.wait()
        self._speaker.stop()
        return card

    def ask(self, *clips: str, ignoring: Card | None = None) -> Card | PassType:
        """Ask a question and return the answer, a tap or a press; after 10 s of silence ask again, once.

        Args:
            clips: the question.
            ignoring: the card whose tap is no answer.

        Raises:
            NoAnswer: there was none within 30 s.
        """
        self._buttons.reset()  # before the question: a press as it begins counts
        self._speaker.play(*clips)
        asked_at = silent_since = self._clock.now()
        is_repeated = False
        while (now := self._clock.now()) - asked_at <= ANSWER_S:
            if (card := self._tap()) and card != ignoring:
                self._speaker.stop()
                return card
            if pass_type := self._buttons.pressed():
                return pass_type
            if self._speaker.is_playing:
                silent_since = now
            elif not is_repeated and now - silent_since >= REPEAT_S:
                is_repeated = True
                self._speaker.play(*clips)
            self._pace.wait()
        raise NoAnswer

    def tell(self, *clips: str) -> Card | None:
        """Play an answer that the rider may cut short: by a press, or by a tap, whose card is returned."""
        self._buttons.reset()
        self._speaker.play(*clips)
        while self._speaker.is_playing:
            card = self._tap()
            if card or self._buttons.pressed():
                self._speaker.stop()
                return card
            self._pace.wait()
        return None

    def wait_for_reader(self) -> None:
        """Say that the terminal is out of service, and wait until the reader answers again."""
        self._speaker.play("out-of-service")
        while self._reader.problem:
            self._poll()
            self._answer_press()
            self._pace.wait()

    def _answer_press(self) -> None:
        """Say why a press does nothing now, unless that would cut a prompt short."""
        if self._buttons.pressed() and not self._speaker.is_playing:
            problem = self._reader.problem or self._store.problem
            self._speaker.play("out-of-service" if problem else "tap-card-first")

    def _tap(self) -> Card | None:
        """Return the card that is presented now; tell the rider if something is there that cannot be read."""
        presentation = self._poll()
        if self._reader.problem:
            raise ReaderOutOfService
        if presentation and not presentation.card:
            self._speaker.play("card-not-supported")
        return presentation.card if presentation else None

    def _poll(self) -> Presentation | None:
        presentation = self._reader.poll()
        self._service_manager.report(self._reader.problem or self._store.problem)
        return presentation
