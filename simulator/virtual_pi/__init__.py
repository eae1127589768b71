"""A virtual Raspberry Pi: the hardware as a device's program sees it, and nothing above.

Two sides meet at a Unix socket. The *station* is the physical side: it owns what lasts longer than a process::

    station.VirtualPi ── lay, lift, press, unplug ──▶  board.Board  ◀── RPi.GPIO   (stand_ins/)
       (test, demo)   ◀── lamps, sounds ───────────    └ chip.Mfrc522 ◀── spidev   (stand_ins/)
                      ◀── sounds ──────────────────    bin/mpg123, a process of its own

The *board* lives in the program's own process, because one poll for a card is dozens of register accesses:
pins, an MFRC522 at register level (`chip`, `registers`, `timer`) that can fail (`faulty_chip`), and the ISO/IEC
14443-3 type A cards in its field (`cards`, `picc`, `frames`). The program reaches it through stand-ins for `RPi.GPIO`
and `spidev`, found on PYTHONPATH, and through `mpg123`, found on PATH; `environment` sets both.

Environment variables, all optional:
    VIRTUAL_PI_SOCKET: the station's Unix socket; without it the board works alone, with an empty field.
    VIRTUAL_PI_SPI_MICROSECONDS: the least time that one SPI transfer takes, by default 0.
    VIRTUAL_PI_RESET_PIN: the GPIO that the reader's RST is wired to, by default 25.
    VIRTUAL_PI_SOUND_CARD: a file that stands for a sound card that does not mix, which one player holds at a time;
        without it, any number of clips sound at once.
    VIRTUAL_PI_PYTHON: the interpreter that runs `mpg123`, by default python3.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_REPOSITORY = _HERE.parent.parent


def environment(station: str, base: Mapping[str, str]) -> dict[str, str]:
    """Add to an environment all that makes a program run on the virtual Pi whose station is at this Unix socket."""
    return {
        **base,
        "PYTHONPATH": _prepend(_HERE / "stand_ins", _REPOSITORY, to=base.get("PYTHONPATH")),
        "PATH": _prepend(_HERE / "bin", to=base.get("PATH")),
        "VIRTUAL_PI_SOCKET": station,
        "VIRTUAL_PI_PYTHON": sys.executable,
    }


def _prepend(*folders: Path, to: str | None) -> str:
    return os.pathsep.join([*map(str, folders), *([to] if to else [])])
