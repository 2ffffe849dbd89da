"""What a device tells of itself while it works: temperature, clock, throttling, power.

From Linux' /sys, and on a Raspberry Pi from its firmware through `vcgencmd`. What is not told is None.
"""

import math
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

SYS = Path("/sys")
SECONDS = 5.0  # that vcgencmd may take
FLAGS = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "soft temperature limit"}  # of get_throttled
SINCE_BOOT = 16  # the same flags, so many bits higher, stay until the next boot
READING = re.compile(r"^\s*(\w+)_([AV]) (?:current|volt)\(\d+\)=([\d.]+)[AV]\s*$", re.MULTILINE)


class State(TypedDict):
    """One look at the device."""

    temperature_c: float | None  # of the hottest sensor
    clock_mhz: float | None  # of the fastest core, now
    governor: str | None  # how Linux chooses the clock
    throttled: list[str] | None  # what holds the processor back now
    throttled_since_boot: list[str] | None


def state(sys: Path = SYS) -> State:
    """Look once; sys: where /sys is."""
    flags = _flags()
    clocks = _numbers(sys.glob("devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq"))
    temperatures = _numbers(sys.glob("class/thermal/thermal_zone*/temp"))
    return {
        "temperature_c": max(temperatures) / 1000 if temperatures else _vcgencmd_number("measure_temp"),
        "clock_mhz": max(clocks) / 1000 if clocks else _megahertz(),
        "governor": _text(sys / "devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "throttled": _named(flags),
        "throttled_since_boot": _named(flags if flags is None else flags >> SINCE_BOOT),
    }


def watts() -> float | None:
    """Power of a Raspberry Pi 5 now: its power chip's rails, voltage times current, without the chip's own losses.

    None on every other device, and where a rail's voltage or current is missing.
    """
    said = _vcgencmd("pmic_read_adc")
    rails: dict[str, dict[str, float]] = {"A": {}, "V": {}}
    for name, unit, number in READING.findall(said or ""):
        rails[unit][name] = float(number)
    if not rails["A"] or not rails["A"].keys() <= rails["V"].keys():
        return None
    return math.fsum(current * rails["V"][name] for name, current in rails["A"].items())


def _flags() -> int | None:
    found = re.search(r"throttled=(0x[0-9a-fA-F]+)", _vcgencmd("get_throttled") or "")
    return int(found[1], 16) if found else None


def _named(flags: int | None) -> list[str] | None:
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
