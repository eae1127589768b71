"""Which library drives the pins, and whether it can on this Pi."""

import platform
import re
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from common.doctor.finding import Finding, ok, wrong

_MODEL = Path("/proc/device-tree/model")
_RP1_MODELS = r"Raspberry Pi (5|Compute Module 5)"  # the 500, too; their pins are on a chip that RPi.GPIO does not know
_NO_EDGE_DETECTION_FROM = (6, 6)

_INSTALL = "sudo apt install python3-rpi-lgpio"
_UNINSTALL = f"{sys.prefix}/bin/pip uninstall RPi.GPIO"


@dataclass(frozen=True)
class GpioLibrary:
    """What there is under the name RPi.GPIO.

    Args:
        failure: why it does not load, or None.
        is_original: whether it is RPi.GPIO itself, and not something that takes its place.
        is_from_environment: whether it was installed into this virtual environment.
        original: the version of RPi.GPIO that is installed, or None.
        shim: the version of rpi-lgpio that is installed, or None.
    """

    failure: str | None = None
    is_original: bool = False
    is_from_environment: bool = False
    original: str | None = None
    shim: str | None = None


@dataclass(frozen=True)
class Machine:
    """What the library must fit: the model as the device tree has it, empty if it is no Pi, and the kernel."""

    model: str
    kernel: str


def check_gpio_library(name: str) -> Finding:
    """Tell which library was loaded, and whether it fits this Pi and its kernel."""
    model = _MODEL.read_text(errors="replace").strip("\0\n") if _MODEL.exists() else ""
    return judge(name, _installed(), Machine(model, platform.release()))


def judge(name: str, library: GpioLibrary, machine: Machine) -> Finding:
    """Tell whether this library works on this machine."""
    on_model = f" on a {machine.model}" if machine.model else ""
    if library.is_original and library.is_from_environment and library.shim:
        return wrong(name, f"RPi.GPIO in {sys.prefix} hides the system's rpi-lgpio", _UNINSTALL)
    if library.is_original and re.match(_RP1_MODELS, machine.model):
        uninstall = f"{_UNINSTALL}; " if library.is_from_environment else ""
        return wrong(name, f"RPi.GPIO does not work{on_model}", uninstall + _INSTALL)
    if library.failure:
        return wrong(name, f"it does not load: {library.failure}", _INSTALL)
    if library.is_original:
        which = f"RPi.GPIO {library.original or 'of some version'}"
        note = ", without edge detection on this kernel, which nothing here uses"
        return ok(name, f"{which}{on_model}{note if _lacks_edge_detection(machine.kernel) else ''}")
    return ok(name, (f"rpi-lgpio {library.shim}" if library.shim else "a library in place of RPi.GPIO") + on_model)


def _installed() -> GpioLibrary:
    failure = None
    try:
        import_module("RPi.GPIO")
    except Exception as error:  # RuntimeError on what it takes for no Pi, and what lgpio may add
        failure = str(error) or type(error).__name__
    core = _spec_of_its_core()
    return GpioLibrary(
        failure=failure,
        is_original=core is not None,
        is_from_environment=sys.prefix != sys.base_prefix and Path(core or "/").is_relative_to(sys.prefix),
        original=_version("RPi.GPIO"),
        shim=_version("rpi-lgpio"),
    )


def _spec_of_its_core() -> str | None:
    """Return the path of the extension module that RPi.GPIO alone has."""
    try:
        spec = find_spec("RPi._GPIO")
    except ImportError:
        return None
    return spec.origin if spec else None


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _lacks_edge_detection(kernel: str) -> bool:
    numbers = re.match(r"(\d+)\.(\d+)", kernel)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= _NO_EDGE_DETECTION_FROM
