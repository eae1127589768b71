"""The stand-ins for RPi.GPIO and spidev, by themselves and under the real mfrc522 package."""

import errno
import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import mfrc522
import pytest
import RPi.GPIO as GPIO
import spidev

from simulator.virtual_pi.board import Board, the_board
from simulator.virtual_pi.cards import VirtualCard

CARD = VirtualCard(bytes.fromhex("0a1b2c3d"))


pytestmark = pytest.mark.usefixtures("board")


@pytest.fixture
def gpio() -> Any:
    return GPIO


@pytest.fixture
def bcm(gpio: Any) -> Any:
    gpio.setmode(gpio.BCM)
    return gpio


@pytest.fixture
def spi() -> Any:
    return spidev.SpiDev(0, 0)


class TestGpio:
    def test_no_channel_without_a_mode(self, gpio: Any) -> None:
        assert gpio.getmode() is None
        with pytest.raises(RuntimeError, match="Please set pin numbering mode"):
            gpio.setup(26, gpio.OUT)

    def test_the_mode_stays(self, bcm: Any) -> None:
        bcm.setmode(bcm.BCM)
        assert bcm.getmode() == bcm.BCM
        with pytest.raises(ValueError, match="different mode"):
            bcm.setmode(bcm.BOARD)

    def test_an_unknown_mode(self, gpio: Any) -> None:
        with pytest.raises(ValueError, match="invalid mode"):
            gpio.setmode(99)

    @pytest.mark.parametrize("channel", [-1, 28, 54])
    def test_a_bad_channel(self, bcm: Any, channel: int) -> None:
        with pytest.raises(ValueError, match="channel sent is invalid"):
            bcm.setup(channel, bcm.OUT)

    @pytest.mark.parametrize("channel", ["26", None, [26, "19"]])
    def test_a_channel_that_is_not_a_number(self, bcm: Any, channel: object) -> None:
        with pytest.raises(ValueError, match="Channel must be an integer"):
            bcm.setup(channel, bcm.OUT)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((7,), "invalid direction"),
            ((0, 22), "not valid for outputs"),
            ((1, 20, 1), "not valid for inputs"),
            ((1, 5), "Invalid value for pull_up_down"),
        ],
    )
    def test_bad_setups(self, bcm: Any, arguments: tuple[int, ...], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            bcm.setup(26, *arguments)

    def test_only_outputs_are_driven(self, bcm: Any) -> None:
        bcm.setup(26, bcm.IN)
        with pytest.raises(RuntimeError, match="OUTPUT"):
            bcm.output(26, 1)

    def test_only_what_is_set_up_is_read(self, bcm: Any) -> None:
        with pytest.raises(RuntimeError, match="must setup"):
            bcm.input(26)

    def test_lists_of_channels(self, bcm: Any) -> None:
        bcm.setup([19, 13, 26], bcm.OUT, initial=bcm.HIGH)
        bcm.output((19, 13), (0, 1))
        assert [bcm.input(pin) for pin in (19, 13, 26)] == [0, 1, 1]
        with pytest.raises(RuntimeError, match="Number of channels"):
            bcm.output([19, 13], [1])

    def test_pulls(self, bcm: Any) -> None:
        levels = []
        for pull in (bcm.PUD_UP, bcm.PUD_DOWN, bcm.PUD_OFF):
            bcm.setup(19, bcm.IN, pull_up_down=pull)
            levels.append(bcm.input(19))
        assert levels == [1, 0, 0]

    def test_board_numbers(self, gpio: Any) -> None:
        gpio.setmode(gpio.BOARD)
        gpio.setup(37, gpio.OUT, initial=1)
        assert the_board().level(26)
        with pytest.raises(ValueError, match="channel sent is invalid"):
            gpio.setup(1, gpio.OUT)  # 3.3 V

    def test_cleanup_of_one_keeps_the_others_and_the_mode(self, bcm: Any) -> None:
        bcm.setup([19, 26], bcm.OUT, initial=1)
        bcm.cleanup(19)
        assert (the_board().is_output(19), the_board().is_output(26), bcm.getmode()) == (False, True, bcm.BCM)
        assert bcm.gpio_function(19) == bcm.IN

    def test_cleanup_of_all_forgets_the_mode(self, bcm: Any) -> None:
        bcm.setup([19, 26], bcm.OUT, initial=1)
        bcm.cleanup()
        assert (the_board().is_output(19), the_board().is_output(26), bcm.getmode()) == (False, False, None)

    def test_cleanup_of_nothing_warns(self, gpio: Any) -> None:
        with pytest.warns(RuntimeWarning, match="nothing to clean up"):
            gpio.cleanup()

    def test_a_pin_that_another_program_left_an_output_warns(self, bcm: Any) -> None:
        the_board().drive(26, True)
        with pytest.warns(RuntimeWarning, match="already in use"):
            bcm.setup(26, bcm.OUT)
        bcm.setup(26, bcm.OUT)

    def test_edge_detection_fails_as_on_current_kernels(self, bcm: Any) -> None:
        bcm.setup(19, bcm.IN, pull_up_down=bcm.PUD_UP)
        with pytest.raises(RuntimeError, match="Failed to add edge detection"):
            bcm.add_event_detect(19, bcm.FALLING)

    def test_gpio_25_resets_the_reader(self, bcm: Any, spi: Any) -> None:
        spi.xfer2([0x2A << 1, 0x8D])
        bcm.setup(25, bcm.OUT, initial=0)
        assert spi.xfer2([0x37 << 1 | 0x80, 0])[1] == 0
        bcm.output(25, 1)
        assert [spi.xfer2([register << 1 | 0x80, 0])[1] for register in (0x37, 0x2A)] == [0x92, 0]


class TestSpidev:
    @pytest.mark.parametrize("address", [(0, 1), (1, 0)])
    def test_only_one_device(self, address: tuple[int, int]) -> None:
        with pytest.raises(FileNotFoundError):
            spidev.SpiDev(*address)

    def test_closed(self, spi: Any) -> None:
        spi.close()
        spi.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            spi.xfer2([0x80, 0])

    @pytest.mark.parametrize(
        ("error", "when_opened", "when_open"),
        [
            (errno.ENOENT, FileNotFoundError, "transport endpoint shutdown"),
            (errno.EACCES, PermissionError, "transport endpoint shutdown"),
            (errno.ETIMEDOUT, None, "timed out"),
            (errno.EIO, None, "Input/output error"),
        ],
    )
    def test_a_bus_that_fails(self, spi: Any, error: int, when_opened: type[OSError] | None, when_open: str) -> None:
        the_board().bus_error = error
        with pytest.raises(when_opened) if when_opened else nullcontext():
            spidev.SpiDev(0, 0)
        with pytest.raises(OSError, match=when_open):
            spi.xfer2([0x80, 0])
        the_board().bus_error = 0
        assert spi.xfer2([0x37 << 1 | 0x80, 0]) == [0, 0x92]

    @pytest.mark.parametrize("values", [[], None, 5, ["a"], [1.5]])
    def test_no_bytes(self, spi: Any, values: object) -> None:
        with pytest.raises(TypeError):
            spi.xfer2(values)

    def test_a_list_is_overwritten_a_tuple_is_not(self, spi: Any) -> None:
        values = [0x37 << 1 | 0x80, 0]
        assert spi.xfer2(values) is values
        assert values == [0, 0x92]
        assert spi.xfer2((0x37 << 1 | 0x80, 0)) == (0, 0x92)

    def test_its_file_is_the_pis_own(self, spi: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VIRTUAL_PI_SOCKET", str(tmp_path / "station"))
        others = [spidev.SpiDev(0, 0), spidev.SpiDev(0, 0)]
        assert [os.fstat(each.fileno()).st_ino for each in others] == [tmp_path.stat().st_ino] * 2
        monkeypatch.delenv("VIRTUAL_PI_SOCKET")
        assert os.fstat(spi.fileno()).st_ino != tmp_path.stat().st_ino
        for each in (spi, *others):
            each.close()
            assert each.fileno() == -1

    def test_only_the_low_byte_counts(self, spi: Any) -> None:
        assert spi.xfer2([0x37 << 1 | 0x180, 0]) == [0, 0x92]

    def test_no_other_attributes(self, spi: Any) -> None:
        spi.max_speed_hz = 1_000_000
        with pytest.raises(AttributeError):
            spi.speed = 1_000_000

    def test_a_transfer_takes_the_time_set(self) -> None:
        began_at = time.monotonic()
        Board(spi_transfer_s=0.002).transfer([0x80, 0])
        assert time.monotonic() - began_at >= 0.002

    def test_its_processor_time_is_the_emulations(self, spi: Any) -> None:
        began_s = time.thread_time()
        for _ in range(1000):
            spi.xfer2([0x80, 0])
        used_s = time.thread_time() - began_s
        assert used_s / 3 < the_board().emulated_s < 1.5 * used_s


class TestRealDriver:
    @pytest.fixture
    def reader(self, bcm: Any) -> Any:
        return mfrc522.SimpleMFRC522()

    def test_it_reads_the_serial_number(self, reader: Any) -> None:
        the_board().reader.place([CARD])
        assert reader.read_id_no_block() == 43405556992

    def test_every_second_read_of_a_resting_card_fails(self, reader: Any) -> None:
        the_board().reader.place([CARD])
        assert [reader.read_id_no_block() for _ in range(4)] == [43405556992, None, 43405556992, None]

    def test_two_cards_are_not_read(self, reader: Any) -> None:
        the_board().reader.place([CARD, VirtualCard(bytes.fromhex("11223344"))])
        assert reader.read_id_no_block() is None

    def test_a_read_without_a_card_costs_2013_transfers(self, reader: Any) -> None:
        """The driver ignores the timer: 13 transfers of preparation and 2,000 reads of ComIrqReg."""
        before = the_board().reader.transfers
        assert reader.read_id_no_block() is None
        assert the_board().reader.transfers - before == 2013

    def test_selection_through_the_crc_coprocessor(self, reader: Any) -> None:
        the_board().reader.place([CARD])
        reader.read_id_no_block()
        assert reader.READER.MFRC522_SelectTag([0x0A, 0x1B, 0x2C, 0x3D, 0x00]) == 0x08


def test_a_board_works_without_its_station(tmp_path: Path) -> None:
    board = Board(station=str(tmp_path / "nowhere"))
    board.drive(26, True)
    assert board.level(26)
    assert board.reader.exchange([0x37 << 1 | 0x80, 0]) == [0, 0x92]
