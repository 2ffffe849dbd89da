"""Settings of a watch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.backends import AUTO
from edge_runtime.limits import STABLE_FRAMES
from edge_runtime.sinks.targets import SinkSettings
from edge_runtime.sources.view import View
from edge_runtime.watch.meter import MeterRules


@dataclass(frozen=True, kw_only=True)
class HardSettings:
    """Settings for saving low-confidence digits, see HardCases."""

    folder: Path
    most: int = 1000  # maximum number of unsorted images
    below: float = 0.9  # digits with a confidence below this are saved, 0..1


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """Settings of a watch; the options of `edge-digits watch` have the same names and meanings."""

    source: str  # a device, an address, a file, a folder or "fake:...", see sources.opened
    targets: Sequence[str] = ()  # sinks by name, see sinks.targets
    sinks: SinkSettings = field(default_factory=SinkSettings)
    view: View = field(default_factory=View)
    stable: int = STABLE_FRAMES  # consecutive frames that must show a text, >= 1
    rules: MeterRules = field(default_factory=MeterRules)  # of a meter
    state: Path | None = None  # file of the meter's last reading; None: a file in the user's state folder
    fps: float | None = None  # maximum frames read per second, > 0; None: no limit
    wait: bool = False  # wait for a camera that cannot be opened yet
    seconds: float | None = None  # end after this time; None: never
    hard: HardSettings | None = None  # None: low-confidence digits are not saved
    model: str | None = None  # a shipped model or a bundle's folder; None: the default model
    backend: str = AUTO  # "auto": the first one that passes the self-test on this device
    threads: int = 1  # of the interpreter
