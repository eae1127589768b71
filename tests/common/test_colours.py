"""Whether the monitor's colours can be read, on the palettes of the terminals that people have."""

import re
from dataclasses import asdict

import pytest

from common.rendering import COLORED

Colour = tuple[int, int, int]

CODES = {role: code for role, code in asdict(COLORED).items() if code and role != "end"}
PALETTES = {  # the sixteen colours that each terminal defines itself
    # XTerm-col.ad of xterm; its names are those of X11's rgb.txt
    "xterm": "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5 7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff"
    " ffffff",
    # the console of Linux, drivers/tty/vt/vt.c (default_red, default_grn, default_blu)
    "VGA": "000000 aa0000 00aa00 aa5500 0000aa aa00aa 00aaaa aaaaaa 555555 ff5555 55ff55 ffff55 5555ff ff55ff 55ffff"
    " ffffff",
    # the scheme Campbell in defaults.json of microsoft/terminal
    "Windows Terminal": "0c0c0c c50f1f 13a10e c19c00 0037da 881798 3a96dd cccccc 767676 e74856 16c60c f9f1a5 3b78ff"
    " b4009e 61d6d6 f2f2f2",
    # the palette and the dark scheme named GNOME, which GNOME Terminal offers for its profiles
    "GNOME": "171421 c01c28 26a269 a2734c 12488b a347ba 2aa1b3 d0cfcc 5e5c64 f66151 33d17a e9ad0c 2a7bde c061cb 33c7de"
    " ffffff",
    # README.md of altercation/solarized
    "Solarized": "073642 d30102 859900 b58900 268bd2 d33682 2aa198 eee8d5 002b36 cb4b16 586e75 657b83 839496 6c71c4"
    " 93a1a1 fdf6e3",
}
BACKGROUNDS = {
    "black": "000000",
    "white": "ffffff",
    "black of Windows Terminal": "0c0c0c",
    "dark of GNOME": "171421",
    "dark Solarized": "002b36",
    "light Solarized": "fdf6e3",
}
LEAST = 3.0


def rgb(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text)
    return red, green, blue


def luminance(colour: Colour) -> float:
    """Return the relative luminance (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast ratio (WCAG 2.2)."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def shown(code: str, palette: str) -> Colour:
    """Return the colour that a terminal shows for an SGR sequence.

    Colours 16 to 231 are a cube, with the same levels in each terminal (256colres.pl of xterm).
    """
    match = re.fullmatch(r"\x1b\[(?:38;5;(\d+)|([39])(\d))m", code)
    if not match:
        raise ValueError(code)
    if match[1] is None:
        return rgb(PALETTES[palette].split()[int(match[3]) + (8 if match[2] == "9" else 0)])
    number = int(match[1])
    if number < 16:
        return rgb(PALETTES[palette].split()[number])
    red, green, blue = ((0, 95, 135, 175, 215, 255)[(number - 16) // step % 6] for step in (36, 6, 1))
    return red, green, blue


def shown_by_linux(code: str) -> Colour:
    """Return the colour that the Linux console takes for one of the cube (rgb_foreground in drivers/tty/vt/vt.c)."""
    colour = shown(code, "VGA")
    most = max(colour)
    number = sum(bit for part, bit in zip(colour, (1, 2, 4), strict=True) if part > most / 2)
    return rgb(PALETTES["VGA"].split()[number + (8 if most > 0xAA else 0)])


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("role", CODES)
def test_each_role_can_be_read(role: str, palette: str, background: str) -> None:
    assert contrast(shown(CODES[role], palette), rgb(BACKGROUNDS[background])) >= LEAST


@pytest.mark.parametrize("role", CODES)
def test_on_the_black_console_of_linux(role: str) -> None:
    assert contrast(shown_by_linux(CODES[role]), rgb("000000")) >= LEAST


@pytest.mark.parametrize("code", ["\x1b[31m", "\x1b[33m", "\x1b[34m", "\x1b[35m"])
def test_those_of_the_original_would_not_do(code: str) -> None:
    measured = [
        contrast(shown(code, each), rgb(background)) for each in PALETTES for background in ("000000", "ffffff")
    ]
    assert min(measured) < LEAST


def test_each_kind_has_its_colour() -> None:
    """Those of the original: yellow for what is sold and left, magenta, blue and red."""
    colours = {role: shown(code, "xterm") for role, code in CODES.items()}
    hues = {role: [part > max(colour) / 2 for part in colour] for role, colour in colours.items()}
    assert hues["sold"] == hues["left"] == [True, True, False]
    assert hues["activated"] == [True, False, True]
    assert hues["used"] == [False, False, True]
    assert hues["denied"] == [True, False, False]


def test_time_device_and_card_are_in_the_terminals_own_colour() -> None:
    assert (COLORED.time, COLORED.device) == ("", "")
