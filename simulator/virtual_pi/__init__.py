"""A virtual Raspberry Pi: what a device's program meets at the hardware boundary, and nothing above it.

Two sides meet at a Unix socket. The *station* is the physical world and owns the truth::

    station.VirtualPi ── lay, lift, press, unplug ──▶  board.Board  ◀── RPi.GPIO   (stand_ins/)
       (test, demo)   ◀── lamps, sounds ───────────    └ chip.Mfrc522 ◀── spidev   (stand_ins/)
                      ◀── sounds ──────────────────    bin/mpg123, a process of its own

The *board* lives in the program's own process, because one look for a card is dozens of register accesses:
pins, an MFRC522 at register level (`chip`, `registers`, `timer`) and the ISO/IEC 14443-3 type A cards in its
field (`cards`, `picc`, `frames`). The program reaches it through stand-ins for `RPi.GPIO` and `spidev`, found on
PYTHONPATH, and through `mpg123`, found on PATH; `VirtualPi.environment()` sets both.

Environment variables, all optional:
    VIRTUAL_PI_SOCKET: the station's Unix socket; without it the board stands alone, its field empty.
    VIRTUAL_PI_SPI_MICROSECONDS: the least time that one SPI transfer takes, by default 0.
    VIRTUAL_PI_RESET_PIN: the GPIO that the reader's RST is wired to, by default 25.
    VIRTUAL_PI_PYTHON: the interpreter that runs `mpg123`, by default python3.
"""
