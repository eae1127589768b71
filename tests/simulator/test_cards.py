"""Virtual cards against ISO/IEC 14443-3 type A, through the reader's antenna."""

from functools import reduce
from operator import xor

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from simulator.virtual_pi.cards import VirtualCard, VirtualPhone, parse_card
from simulator.virtual_pi.frames import crc_a, to_bits, to_bytes
from simulator.virtual_pi.registers import COLL_POS_NOT_VALID, Error, Register
from tests.simulator.chip_rig import REQA, WUPA, Rig

CARD = VirtualCard(bytes.fromhex("0a1b2c3d"))
LEVEL = bytes.fromhex("0a1b2c3d00")
OTHER = VirtualCard(bytes.fromhex("0a1b2c35"))  # differs first in the 28th bit
ATQA = b"\x04\x00"


@pytest.fixture
def rig() -> Rig:
    return Rig(CARD).initialise()


def walk_cascade(rig: Rig) -> tuple[bytes, int]:
    """Read a lone card's UID and its last SAK, as a host does.

    Raises:
        ValueError: a check byte, a CRC_A, a cascade tag or the end is missing.
    """
    uid = b""
    for sel in (0x93, 0x95, 0x97):
        level = rig.transceive(bytes([sel, 0x20])).data
        answer = rig.select(level, sel)
        if reduce(xor, level) != 0 or answer[1:] != crc_a(answer[:1]):
            raise ValueError(f"a wrong check byte or CRC_A: {level.hex()}, {answer.hex()}")
        if not answer[0] & 0x04:
            return uid + level[:4], answer[0]
        if level[0] != 0x88:
            raise ValueError(f"no cascade tag: {level.hex()}")
        uid += level[1:4]
    raise ValueError("more than three cascade levels")


class TestSelection:
    @pytest.mark.parametrize(
        ("uid", "atqa", "sak"),
        [
            ("0a1b2c3d", "0400", 0x08),
            ("04112233445566", "4400", 0x00),
            ("04112233445566778899", "8400", 0x00),
        ],
    )
    def test_by_uid_size(self, uid: str, atqa: str, sak: int) -> None:
        rig = Rig(VirtualCard(bytes.fromhex(uid))).initialise()
        assert rig.wake().hex() == atqa
        assert walk_cascade(rig) == (bytes.fromhex(uid), sak)

    @given(st.sampled_from([4, 7, 10]).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
    def test_any_uid_is_read_in_full(self, uid: bytes) -> None:
        assume(len(uid) > 4 or uid[0] != 0x88)
        rig = Rig(VirtualCard(uid)).initialise()
        rig.wake()
        assert walk_cascade(rig)[0] == uid

    @pytest.mark.parametrize("size", [0, 3, 5, 8, 11])
    def test_other_sizes_are_invalid(self, size: int) -> None:
        with pytest.raises(ValueError, match="4, 7 or 10 bytes"):
            VirtualCard(bytes(size))

    @given(st.integers(0, 39))
    def test_the_rest_of_the_uid_after_any_number_of_bits(self, known: int) -> None:
        rig = Rig(CARD).initialise()
        rig.wake()
        nvb = (2 + known // 8) << 4 | known % 8
        prefix = to_bytes(to_bits(LEVEL)[:known])
        answer = rig.transceive(bytes([0x93, nvb]) + prefix, last_bits=known % 8, rx_align=known % 8)
        assert answer.error == 0
        assert to_bits(answer.data)[known % 8 :] == to_bits(LEVEL)[known:]

    def test_a_reader_that_does_not_align_sees_wrong_parity(self, rig: Rig) -> None:
        rig.wake()
        answer = rig.transceive(bytes([0x93, 0x24, 0x0A]), last_bits=4)
        assert answer.error == Error.PARITY_ERR
        assert answer.last_bits == 4

    def test_a_card_with_another_prefix_is_silent_and_idle(self, rig: Rig) -> None:
        rig.wake()
        assert rig.transceive(bytes([0x93, 0x30, 0x0B])).data == b""
        assert rig.wake() == ATQA

    @pytest.mark.parametrize(
        "frame",
        [
            b"\x93\x70" + LEVEL + b"\x00\x00",  # wrong CRC_A
            b"\x93\x70\x0a\x1b\x2c\x3d\x01" + crc_a(b"\x93\x70\x0a\x1b\x2c\x3d\x01"),  # wrong BCC
            b"\x93\x70" + LEVEL,  # no CRC_A
            b"\x95\x20",  # another cascade level
            b"\x93\x21",  # a bit announced and not sent
            b"\x93",
        ],
    )
    def test_an_error_sends_a_ready_card_back(self, rig: Rig, frame: bytes) -> None:
        rig.wake()
        assert rig.transceive(frame).data == b""
        assert rig.transceive(b"\x93\x20").data == b""
        assert rig.wake() == ATQA


class TestStates:
    def activate(self, rig: Rig, command: int = REQA) -> None:
        """Wake the card and select it."""
        answers = rig.wake(command), rig.select(rig.transceive(b"\x93\x20").data)[:1]
        if answers != (ATQA, b"\x08"):
            raise ValueError(f"the card is not selected: {answers}")

    def test_an_idle_card_answers_nothing_else(self, rig: Rig) -> None:
        assert rig.transceive(b"\x93\x20").data == b""

    def test_requests_must_be_short_frames(self, rig: Rig) -> None:
        assert rig.transceive(bytes([REQA])).data == b""

    @pytest.mark.parametrize("command", [REQA, WUPA])
    def test_a_second_request_sends_a_ready_card_back(self, rig: Rig, command: int) -> None:
        assert [rig.wake(command) for _ in range(4)] == [ATQA, b"", ATQA, b""]

    def test_hlta_is_not_answered_and_only_wupa_wakes(self, rig: Rig) -> None:
        self.activate(rig)
        assert rig.halt() == b""
        assert [rig.wake(REQA), rig.wake(REQA), rig.wake(WUPA)] == [b"", b"", ATQA]

    def test_a_woken_card_can_be_halted_again(self, rig: Rig) -> None:
        self.activate(rig)
        for _ in range(3):
            rig.halt()
            self.activate(rig, WUPA)

    @pytest.mark.parametrize("active", [False, True])
    def test_a_woken_card_falls_back_to_halt(self, rig: Rig, active: bool) -> None:
        self.activate(rig)
        rig.halt()
        rig.wake(WUPA)
        if active:
            rig.select(rig.transceive(b"\x93\x20").data)
        rig.transceive(b"\x30\x00\x02\xa8")
        assert [rig.wake(REQA), rig.wake(WUPA)] == [b"", ATQA]

    def test_an_active_card_falls_back_to_idle(self, rig: Rig) -> None:
        self.activate(rig)
        rig.transceive(b"\x50\x00\x00\x00")  # HLTA with a wrong CRC_A
        assert rig.wake() == ATQA

    def test_a_lifted_card_loses_its_state(self, rig: Rig) -> None:
        self.activate(rig)
        rig.halt()
        rig.chip.place([])
        assert rig.wake(WUPA) == b""
        rig.chip.place([CARD])
        assert rig.wake(REQA) == ATQA


class TestCollisions:
    def test_its_position_counts_from_1(self) -> None:
        rig = Rig(CARD, OTHER).initialise()
        rig.write(Register.COLL, 0x80)
        assert rig.wake() == ATQA
        answer = rig.transceive(b"\x93\x20")
        assert answer.error == Error.COLL_ERR
        assert answer.coll == 0x80 | 28

    def test_the_32nd_bit_reads_as_0(self) -> None:
        rig = Rig(CARD, VirtualCard(bytes.fromhex("0a1b2cbd"))).initialise()
        rig.wake()
        assert rig.transceive(b"\x93\x20").coll & 0x3F == 0

    def test_values_after_it_are_cleared_on_request(self) -> None:
        rig = Rig(VirtualCard(bytes.fromhex("01ffffff")), VirtualCard(bytes.fromhex("00ffffff"))).initialise()
        rig.write(Register.COLL, 0x00)
        rig.wake()
        assert rig.transceive(b"\x93\x20").data == b"\x01\x00\x00\x00\x00"

    def test_cards_of_different_sizes_collide_in_atqa(self) -> None:
        rig = Rig(CARD, VirtualCard(bytes(7))).initialise()
        answer = rig.transceive(bytes([REQA]), last_bits=7)
        assert (answer.error, answer.coll & 0x3F) == (Error.COLL_ERR, 7)

    def test_a_single_card_does_not_collide(self) -> None:
        rig = Rig(CARD).initialise()
        assert rig.transceive(bytes([REQA]), last_bits=7).coll & COLL_POS_NOT_VALID

    @given(st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4))
    @example(CARD.uid, OTHER.uid)
    @example(b"\x00\x00\x00\x00", b"\x00\x00\x00\x80")
    def test_the_anticollision_loop_finds_both_cards(self, one: bytes, another: bytes) -> None:
        assume(one != another)
        rig = Rig(VirtualCard(one), VirtualCard(another)).initialise()
        found = set()
        for _ in range(2):
            rig.wake()
            uid = resolve(rig)
            rig.halt()
            found.add(uid)
        assert found == {one, another}
        assert rig.wake() == b""


def resolve(rig: Rig) -> bytes:
    """Select one of the cards in the field: at a collision, follow those with a 1 (ISO/IEC 14443-3, 6.5.3.2)."""
    known: tuple[int, ...] = ()
    while True:
        split = len(known) % 8
        nvb = (2 + len(known) // 8) << 4 | split
        answer = rig.transceive(bytes([0x93, nvb]) + to_bytes(known), last_bits=split, rx_align=split)
        received = to_bits(answer.data, answer.last_bits)[split:]
        if not answer.error & Error.COLL_ERR:
            level = to_bytes(known + received)
            assert rig.select(level)[:1] == b"\x08"
            return level[:4]
        place = answer.coll & 0x1F or 32
        known += (*received[: place - 1], 1)


class TestPhone:
    def test_a_new_random_uid_at_each_tap(self) -> None:
        rig = Rig().initialise()
        uids = set()
        for _ in range(4):
            rig.chip.place([VirtualPhone()])
            rig.wake()
            uid, sak = walk_cascade(rig)
            uids.add(uid)
            assert (uid[0], sak) == (0x08, 0x20)
            rig.chip.place([])
        assert len(uids) > 1

    def test_the_same_uid_during_a_tap(self) -> None:
        rig = Rig(VirtualPhone()).initialise()
        rig.wake()
        first = walk_cascade(rig)
        rig.halt()
        rig.wake(WUPA)
        assert walk_cascade(rig) == first


@pytest.mark.parametrize(
    "card", [CARD, VirtualCard(bytes(7)), VirtualCard(bytes(10)), VirtualPhone(), VirtualPhone("phone 2")]
)
def test_cards_can_be_parsed_from_their_text(card: VirtualCard | VirtualPhone) -> None:
    assert parse_card(str(card)) == card
