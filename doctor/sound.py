"""The sound: which cards there are, and whether the service's user can play on the one that is set."""

import os
import pwd
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import DEVNULL, CalledProcessError, TimeoutExpired, run
from typing import Any

from audio.speaker import clip_path, failure_reason, player_command
from common.settings import PREFIX, Settings
from doctor.finding import Finding
from doctor.pins import read

SERVICE_USER = "transit-pass"  # scripts/install adds it

_OF_A_SESSION = {"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"}  # by which a desktop's sound server is found


def check_sound(settings: Settings, root: Path, limit_s: float = 5.0) -> Finding:
    """Play a short clip as the devices do; the limit is long, since a busy Pi starts a player slowly."""
    device, output = settings.audio_device, settings.audio_output
    player = player_command(output, device)
    if not player:
        return Finding("sound", "FAIL", "no mpg123 on PATH", "install it", ["sudo apt install mpg123"])
    service = next((user for user in pwd.getpwall() if user.pw_name == SERVICE_USER), None)
    options = _become(service) if service and os.geteuid() == 0 else {}
    where = f"{device or output}{f' as {SERVICE_USER}' if options else ''}"
    listed = read(root / "proc/asound/cards") if output == "alsa" else ""
    cards = [f"plughw:CARD={card}" for card in re.findall(r"(?m)^ *\d+ \[(\S+) *\]", listed)]
    problem = _play(player, options, limit_s)
    if problem:
        able = [card for card in cards if card != device and not _play(player_command(output, card), options, limit_s)]
        remedy = f"connect a sound card that works, or set {PREFIX}AUDIO_OUTPUT and {PREFIX}AUDIO_DEVICE"
        remedy = f"set {PREFIX}AUDIO_DEVICE to {' or '.join(able)}" if able else remedy
        return Finding("sound", "FAIL", f"mpg123 fails on {where}: {problem}", f"{remedy}; to list all:", ["aplay -L"])
    if service and os.geteuid() not in {0, service.pw_uid}:
        remedy = f"run the doctor as root: it then plays as {SERVICE_USER}, whom no desktop's sound server serves"
        return Finding("sound", "WARN", f"played on {where}, but as another user than the service's", remedy)
    text = f"played on {where}; if you did not hear it, check the loudspeaker"
    choice = f"or choose another card with {PREFIX}AUDIO_DEVICE: {', '.join(cards)}" if len(cards) > 1 else ""
    return Finding("sound", "OK", text, choice)


def _become(user: pwd.struct_passwd) -> dict[str, Any]:
    """Return what makes a subprocess run as this user, as a service does."""
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_SESSION}
    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    return {
        "user": user.pw_uid,
        "group": user.pw_gid,
        "extra_groups": groups,
        "env": environment | {"HOME": user.pw_dir},
    }


def _play(player: Sequence[str], options: Mapping[str, Any], limit_s: float) -> str | None:
    """Play a clip, and return why that failed, if it did."""
    try:
        command = [*player, str(clip_path("access-granted"))]
        run(command, stdin=DEVNULL, capture_output=True, timeout=limit_s, check=True, **options)  # noqa: S603
    except TimeoutExpired:
        return f"it did not end within {limit_s:g} s"
    except CalledProcessError as error:
        return failure_reason(error.stderr or b"")
    except OSError as error:
        return str(error)
    return None
