"""Whether a clip can be played."""

import subprocess

from common.audio import clip_path, failure_reason, player_command
from common.doctor.finding import Finding, ok, wrong
from common.settings import PREFIX, Settings

_CLIP = "access-granted"  # a second long
_TIME_LIMIT_S = 5.0  # a busy Pi starts a player late; one that spins never ends
_SETTING = f"{PREFIX}AUDIO_OUTPUT"


def check_sound(name: str, settings: Settings) -> Finding:
    """Play a short clip as the devices do, and tell what the player makes of it."""
    command = player_command(settings.audio_output)
    if not command:
        return wrong(name, "no mpg123 on PATH", "sudo apt install mpg123")
    remedy = f"name an output that works in {_SETTING}: 'aplay -l' lists the devices of alsa"
    try:
        done = subprocess.run(  # noqa: S603  # a fixed player, a fixed clip
            [*command, str(clip_path(_CLIP))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return wrong(name, f"the player does not finish {_CLIP} within {_TIME_LIMIT_S:.0f} s", remedy)
    if done.returncode:
        return wrong(name, f"the player fails on {settings.audio_output}: {failure_reason(done.stderr)}", remedy)
    return ok(name, f"{_CLIP} was played on {settings.audio_output}; if you did not hear it, look at the loudspeaker")
