"""The player behind `bin/mpg123`: it reports each clip to the station as it begins, and waits for as long as it lasts.

It is started for every prompt, so it imports little, and of that only the parts written in C.
"""

import os
import sys
import time
from _json import encode_basestring_ascii
from _signal import SIGINT, SIGTERM, signal  # type: ignore[import-not-found]  # typeshed has no stub for it
from _socket import AF_UNIX, socket

_VALUE_OPTIONS = ("-o", "--output", "-a", "--audiodevice", "-f", "--scale", "-b", "--buffer")
_BITRATES_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # kbit/s, layer III
_BITRATES_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SAMPLE_RATES = (44100, 48000, 32000)
_VERSION_DIVISORS = {3: 1, 2: 2, 0: 4}  # MPEG 1, 2 and 2.5


def duration_s(data: bytes) -> float:
    """Add up the durations of the MPEG audio layer III frames in a file (ISO/IEC 11172-3, 2.4.2.3); 0 for junk."""
    total, place = 0.0, _after_id3(data)
    while place + 4 <= len(data):
        length, seconds = _frame(data[place : place + 4])
        total += seconds
        place += length
    return total


def _after_id3(data: bytes) -> int:
    """Return where an ID3v2 tag ends: its size is four times seven bits (ID3v2.4, 3.1)."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    return 10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9])


def _frame(header: bytes) -> tuple[int, float]:
    """Return length in bytes and duration in seconds of the frame with this header, or (1, 0.0) where none begins."""
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    in_sync = header[0] == 0xFF and header[1] & 0xE0 == 0xE0
    if not in_sync or layer != 1 or version not in _VERSION_DIVISORS or bitrate in {0, 15} or rate == 3:
        return 1, 0.0
    mpeg1 = version == 3
    samples = 1152 if mpeg1 else 576
    bits_per_s = (_BITRATES_MPEG1 if mpeg1 else _BITRATES_MPEG2)[bitrate] * 1000
    sample_rate = _SAMPLE_RATES[rate] // _VERSION_DIVISORS[version]
    return samples // 8 * bits_per_s // sample_rate + padding, samples / sample_rate


def _parse(arguments: list[str]) -> tuple[str, list[str]]:
    """Return the output module and the files."""
    module, rest = "", iter(arguments)
    files: list[str] = []
    for argument in rest:
        if argument == "--":
            files.extend(rest)
        elif argument in _VALUE_OPTIONS:
            value = next(rest, "")
            module = value if argument in {"-o", "--output"} else module
        elif not argument.startswith("-"):
            files.append(argument)
    return module, files


def _take_sound_card() -> bool:
    """Take the sound card that does not mix, if this Pi has one; return False if another player holds it.

    What mpg123 1.31 does: it has the card some 2 ms after its start, and lets go of it 15 to 25 ms after SIGTERM. This
    player starts more slowly, by about the CPU time used so far, and so lets go later by as much.
    """
    if not (path := os.environ.get("VIRTUAL_PI_SOUND_CARD")):
        return True
    from fcntl import LOCK_EX, LOCK_NB, flock  # only here: each import delays each clip

    release_s = time.process_time() + 0.015 + time.monotonic_ns() % 10_000_000 / 1e9

    def release(*_: object) -> None:
        time.sleep(release_s)
        os._exit(0)

    signal(SIGTERM, release)
    try:
        flock(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), LOCK_EX | LOCK_NB)
    except BlockingIOError:
        print("main: error: out123 error 3: failure loading driver module", file=sys.stderr)
        return False
    return True


def _report(path: str, module: str) -> socket | None:
    """Report the start of a sound to the station; it ends with the connection, however this process ends."""
    if not (address := os.environ.get("VIRTUAL_PI_SOCKET")):
        return None
    stem = os.path.splitext(os.path.basename(path))[0]  # noqa: PTH119, PTH122  # pathlib is slow to import
    what, detail = encode_basestring_ascii(stem), encode_basestring_ascii(module)
    line = f'{{"kind": "sound began", "what": {what}, "detail": {detail}, "at": {time.monotonic()}}}\n'
    station = socket(AF_UNIX)
    try:
        station.connect(address)
        station.send(line.encode())
    except OSError:
        return None
    return station


def main(arguments: list[str]) -> int:
    """Play the files one after the other; return the exit status."""
    module, files = _parse(arguments)
    if not _take_sound_card():
        return 255
    status = 0 if files else 1
    sound = None
    for path in files:
        try:
            with open(path, "rb") as file:  # noqa: PTH123  # pathlib is slow to import
                seconds = duration_s(file.read())
        except OSError as error:
            print(f"{path}: cannot open file: {error.strerror}", file=sys.stderr)
            status = 1
            continue
        if seconds:
            last, sound = sound, _report(path, module)
            if last:
                last.close()  # only now: one ends as the other begins
            if not sound:
                time.sleep(seconds)
            elif _is_gone(sound, seconds):
                break
    return status


def _is_gone(station: socket, seconds: float) -> bool:
    """Wait for so long, or until the station is gone, also one that is killed: a sound does not outlive its Pi."""
    station.settimeout(seconds)
    try:
        station.recv(1)  # a station says nothing to a player
    except OSError as error:
        return not isinstance(error, TimeoutError)
    return True


def run() -> None:
    """Be mpg123. It is imported, not run as a script, because only what is imported is compiled once for all."""
    for number in (SIGTERM, SIGINT):
        signal(number, lambda *_: os._exit(0))
    sys.exit(main(sys.argv[1:]))
