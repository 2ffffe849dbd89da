"""Format results as text: of one device, or of two devices side by side."""

from collections.abc import Iterator, Mapping
from typing import Any

from edge_runtime.bench.device import DeviceState
from edge_runtime.bench.measure import METRICS, SCHEMA
from edge_runtime.errors import UsageError

WIDTH = 40  # characters of the name of a metric


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines for one result; metrics with a large spread are marked with a tilde."""
    backends = found["backends"]
    yield f"model {found['model']['name']}, {found['machine']['processor']}"
    yield f"{'':<{WIDTH}}" + "".join(f"{name:>18}" for name in backends)
    for key, (name, unit, _) in METRICS.items():
        if any(key in each for each in backends.values()):
            cells = (f"{_figure(each[key])} {unit}" if key in each else "-" for each in backends.values())
            yield f"{name:<{WIDTH}}" + "".join(f"{cell:>18}" for cell in cells)
    for when in ("before", "after"):
        yield f"{when + ':':<8}{_state(found['device'][when])}"
    if any(figure["noisy"] for each in backends.values() for figure in each.values()):
        yield "~: the spread is more than 20 %; other programs keep the device busy"


def compare(one: Any, other: Any) -> Iterator[str]:
    """Yield the lines that compare two results; raises UsageError if one is not a result of this release."""
    for found in (one, other):
        if not isinstance(found, dict) or found.get("schema") != SCHEMA or "backends" not in found:
            raise UsageError("--compare takes two files that edge-digits bench --output wrote")
    yield f"a: model {one['model']['name']}, {one['machine']['processor']}"
    yield f"b: model {other['model']['name']}, {other['machine']['processor']}"
    if one["model"]["sha256"] != other["model"]["sha256"]:
        yield "the models differ: these metrics are not of the same network"
    for backend in [name for name in one["backends"] if name in other["backends"]]:
        yield f"{backend:<{WIDTH}}{'a':>18}{'b':>18}{'b to a':>10}"
        for key, (name, unit, _) in METRICS.items():
            first, second = one["backends"][backend].get(key), other["backends"][backend].get(key)
            if first and second:
                ratio = second["median"] / first["median"] if first["median"] else float("nan")
                cells = f"{_figure(first)} {unit}", f"{_figure(second)} {unit}"
                yield f"{name:<{WIDTH}}{cells[0]:>18}{cells[1]:>18}{ratio:>10.2f}"


def _figure(found: Mapping[str, Any]) -> str:
    median = found["median"]
    return ("~" if found["noisy"] else "") + (f"{median:,.0f}" if abs(median) >= 100 else f"{median:.3g}")


def _state(found: DeviceState) -> str:
    parts = []
    if found["temperature_c"] is not None:
        parts.append(f"{found['temperature_c']:.1f} °C")
    if found["clock_mhz"] is not None:
        parts.append(f"{found['clock_mhz']:.0f} MHz")
    if found["governor"] is not None:
        parts.append(f"governor {found['governor']}")
    if found["throttled"] is not None:
        parts.append(", ".join(found["throttled"]) or "not throttled")
    return ", ".join(parts) or "the device reports no temperature, clock or throttling"
