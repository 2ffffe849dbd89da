"""Read temperature, clock, throttling and power of the device.

Sources are Linux's /sys, and on a Raspberry Pi the firmware through `vcgencmd`. Unavailable values are None.
"""

import math
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

SYS = Path("/sys")
SECONDS = 5.0  # seconds: timeout of vcgencmd
FLAGS = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "soft temperature limit"}  # bits of get_throttled
SINCE_BOOT = 16  # bits: offset of the same flags that are kept until the next boot
READING = re.compile(r"^\s*(\w+)_([AV]) (?:current|volt)\(\d+\)=([\d.]+)[AV]\s*$", re.MULTILINE)


class DeviceState(TypedDict):
    """The state of the device at one time."""

    temperature_c: float | None  # of the hottest sensor
    clock_mhz: float | None  # current clock of the fastest core
    governor: str | None  # CPU frequency governor of Linux
    throttled: list[str] | None  # causes of throttling now
    throttled_since_boot: list[str] | None


def read_state(sys: Path = SYS) -> DeviceState:
    """Read the state of the device. sys: path of /sys."""
    flags = _flags()
    clocks = _numbers(sys.glob("devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq"))
    temperatures = _numbers(sys.glob("class/thermal/thermal_zone*/temp"))
    return {
        "temperature_c": max(temperatures) / 1000 if temperatures else _vcgencmd_number("measure_temp"),
        "clock_mhz": max(clocks) / 1000 if clocks else _megahertz(),
        "governor": _text(sys / "devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "throttled": _flag_names(flags),
        "throttled_since_boot": _flag_names(flags if flags is None else flags >> SINCE_BOOT),
    }


def watts() -> float | None:
    """Return the power of a Raspberry Pi 5: voltage times current of all rails, without losses of the power chip.

    None on other devices, and if the voltage or current of a rail is missing.
    """
    output = _vcgencmd("pmic_read_adc")
    rails: dict[str, dict[str, float]] = {"A": {}, "V": {}}
    for name, unit, number in READING.findall(output or ""):
        rails[unit][name] = float(number)
    if not rails["A"] or not rails["A"].keys() <= rails["V"].keys():
        return None
    return math.fsum(current * rails["V"][name] for name, current in rails["A"].items())


def _flags() -> int | None:
    found = re.search(r"throttled=(0x[0-9a-fA-F]+)", _vcgencmd("get_throttled") or "")
    return int(found[1], 16) if found else None


def _flag_names(flags: int | None) -> list[str] | None:
    return None if flags is None else [name for bit, name in FLAGS.items() if flags >> bit & 1]


def _megahertz() -> float | None:
    hertz = _vcgencmd_number("measure_clock", "arm")
    return None if hertz is None else hertz / 1e6


def _vcgencmd_number(*arguments: str) -> float | None:
    found = re.search(r"=([\d.]+)", _vcgencmd(*arguments) or "")
    return float(found[1]) if found else None


def _vcgencmd(*arguments: str) -> str | None:
    program = shutil.which("vcgencmd")
    if program is None:
        return None
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _numbers(paths: Iterable[Path]) -> list[float]:
    found = []
    for path in paths:
        try:
            found.append(float(path.read_text()))
        except (OSError, ValueError):  # a sensor that is off
            continue
    return found


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
