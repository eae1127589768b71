"""The sound: which cards there are, and whether the service's user can play on the one that is set."""

import os
import pwd
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from subprocess import DEVNULL, CalledProcessError, TimeoutExpired, run
from typing import Any

from audio.player import CLIPS, Player, failure_reason
from common.settings import PREFIX, Settings
from doctor.finding import Finding
from doctor.pins import read

SERVICE_USER = "transit-pass"  # scripts/install adds it

_OF_A_SESSION = {"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"}  # by which a desktop's sound server is found
_HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108  # by ProtectHome= and PrivateTmp=
_CARD = re.compile(r"(?m)^ *\d+ \[(\S+) *\]: (\S+) - (.+)$")  # sound/core/init.c of Linux


def sound_findings(settings: Settings, root: Path) -> Iterator[Finding]:
    """Yield the findings about what is played on, and about an operator's own clips."""
    yield check_sound(settings, root)
    if settings.audio_folder:
        yield check_clips(settings.audio_folder)


def check_sound(settings: Settings, root: Path, limit_s: float = 5.0) -> Finding:
    """Play a short clip as the devices do; the limit is long, since a busy Pi starts a player slowly."""
    device, output = settings.audio_device, settings.audio_output
    player = Player(settings)
    if not player.program:
        return Finding("sound", "FAIL", "no mpg123 on PATH", "install it", ["sudo apt install mpg123"])
    service, options = _service_user()
    where = f"{device or output}{f' as {SERVICE_USER}' if options else ''}"
    cards = _cards(root) if output == "alsa" else {}
    problem = _play(player, options, limit_s)
    if problem:
        others = (card for card in cards if card != device)
        able = [card for card in others if not _play(Player(replace(settings, audio_device=card)), options, limit_s)]
        remedy = f"connect a sound card that works, or set {PREFIX}AUDIO_OUTPUT and {PREFIX}AUDIO_DEVICE"
        if able:
            remedy = f"set {PREFIX}AUDIO_DEVICE to {' or '.join(f'{card} ({cards[card]})' for card in able)}"
        elif output == "alsa" and not cards:
            remedy = "there is no sound card: connect one, or switch on the Pi's own (dtparam=audio=on in config.txt)"
        text = f"mpg123 fails on {where}: {problem}"
        return Finding("sound", "FAIL", text, f"{remedy}; to list all:", [f"mpg123 -o {output} --list-devices"])
    if service and os.geteuid() not in {0, service.pw_uid}:
        remedy = f"run the doctor as root: it then plays as {SERVICE_USER}, whom no desktop's sound server serves"
        return Finding("sound", "WARN", f"played on {where}, but as another user than the service's", remedy)
    text = f"played on {where}; if you did not hear it, check the loudspeaker"
    names = " or ".join(f"{card} ({description})" for card, description in cards.items())
    return Finding("sound", "OK", text, f"{PREFIX}AUDIO_DEVICE can be {names}" if names else "")


def check_clips(folder: str) -> Finding:
    """Check that the services can read an operator's own clips, and that each has the name of one of ours."""
    service, options = _service_user()
    if service and any(Path(folder).is_relative_to(hidden) for hidden in _HIDDEN):
        remedy = f"move it, for example to /srv, and set {PREFIX}AUDIO_FOLDER"
        return Finding("clips", "FAIL", f"the services do not see {folder}", remedy)
    find = ["find", folder, "-maxdepth", "1", "-name", "*.mp3", "-readable"]
    found = run(find, stdin=DEVNULL, capture_output=True, text=True, check=False, **options)  # noqa: S603
    readable = {Path(line).stem for line in found.stdout.splitlines()}
    there = {path.stem for path in Path(folder).glob("*.mp3")}
    if found.returncode or there - readable:
        text = f"{', '.join(sorted(there - readable)) or folder} cannot be read"
        commands = [f"sudo chmod -R a+rX {shlex.quote(folder)}"] if Path(folder).is_dir() else []
        return Finding(
            "clips", "FAIL", text, "the folder must be there, and everybody must be able to read it", commands
        )
    names = {path.stem for path in CLIPS.glob("*.mp3")}
    if strangers := sorted(readable - names):
        meant = ", ".join(f"{name} (the nearest is {get_close_matches(name, names, 1, 0.0)[0]})" for name in strangers)
        return Finding("clips", "WARN", f"never played, since no clip has its name: {meant}", "rename it")
    return Finding("clips", "OK", f"{len(readable)} of {len(names)} are from {folder}")


def _cards(root: Path) -> dict[str, str]:
    """Return the sound cards, in the kernel's words, each by a name that ALSA has for it.

    HDMI takes IEC 958 subframes only, which its `sysdefault` makes (vc4-hdmi.conf of alsa-lib 1.2.7).
    """
    cards = _CARD.findall(read(root / "proc/asound/cards"))
    return {
        f"{'sysdefault' if driver == 'vc4-hdmi' else 'plughw'}:CARD={card}": description
        for card, driver, description in cards
    }


def _service_user() -> tuple[pwd.struct_passwd | None, dict[str, Any]]:
    """Return the service's user, and what makes a subprocess run as that; nothing if it cannot, or need not."""
    service = next((user for user in pwd.getpwall() if user.pw_name == SERVICE_USER), None)
    return service, _become(service) if service and os.geteuid() == 0 else {}


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


def _play(player: Player, options: Mapping[str, Any], limit_s: float) -> str | None:
    """Play a clip, and return why that failed, if it did."""
    try:
        command = player.command("access-granted")
        run(command, stdin=DEVNULL, capture_output=True, timeout=limit_s, check=True, **options)  # noqa: S603
    except TimeoutExpired:
        return f"it did not end within {limit_s:g} s"
    except CalledProcessError as error:
        return failure_reason(error.stderr or b"")
    except OSError as error:
        return str(error)
    return None
