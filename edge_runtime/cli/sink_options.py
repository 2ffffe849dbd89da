"""Options for the sinks of a watch."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from edge_runtime.errors import UsageError
from edge_runtime.sinks.home_assistant import DEVICE_CLASSES, STATE_CLASSES

FILE = click.Path(path_type=Path)
HELP = """\b
SINK is one of
  stdout                   text lines; JSON lines with --json (the default)
  jsonl:FILE               JSON lines; at --jsonl-bytes, FILE is rotated to FILE.1 and so on
  csv:FILE, sqlite:FILE    one line, or one row of the table `readings`, per reading
  mqtt://[USER@]HOST[:PORT]/TOPIC, mqtts://...
                           an MQTT broker, with Home Assistant discovery; readings wait in --outbox while it is
                           unreachable. The password comes from EDGE_DIGITS_MQTT_PASSWORD, --password-file or the
                           address in --config.
--to can be repeated. New files are readable by their owner and group (0640).
"""


@dataclass(frozen=True)
class SinkOptions:
    """Values of the options; the defaults are those of `sinks.targets.SinkSettings`."""

    targets: tuple[str, ...]
    settings: dict[str, Any]  # of SinkSettings, by name
    hard: dict[str, Any] | None  # of HardCases, by name; None: hard digits are not kept


def sink_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command; its function gets them as one argument, `sinks: SinkOptions`."""

    @wraps(function)
    def with_sink_options(**options: Any) -> Any:
        settings = {name: options.pop(name) for name in _SETTINGS}
        hard = {"folder": options.pop("save_hard"), "most": options.pop("save_hard_max")}
        hard["below"] = options.pop("save_hard_below")
        found = SinkOptions(options.pop("targets"), settings, hard if hard["folder"] else None)
        return function(sinks=found, **options)

    for option in reversed(_OPTIONS):
        with_sink_options = option(with_sink_options)
    return with_sink_options


def _check_targets(context: click.Context, parameter: click.Parameter, targets: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse passwords that other users could see in the process list; raises UsageError."""
    from edge_runtime.sinks.broker import PASSWORD, has_password

    shown = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    if shown and any(map(has_password, targets)):
        raise UsageError(
            "a password on the command line is visible to other users of this machine: use --password-file or "
            f"{PASSWORD}, or put the whole address into the file of --config"
        )
    return targets or ("stdout",)


def _check_device_class(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value and value not in DEVICE_CLASSES:
        like = get_close_matches(value.lower(), DEVICE_CLASSES, 3) or ["water", "gas", "energy"]
        raise click.BadParameter(
            f"{value!r} is not a device class of Home Assistant's number sensors, such as {', '.join(like)}",
            context,
            parameter,
        )
    return value


_SETTINGS = (
    "jsonl_bytes",
    "jsonl_keep",
    "outbox",
    "outbox_max",
    "password_file",
    "ca_file",
    "discovery",
    "images",
    "unit",
    "device_class",
    "state_class",
    "decimals",
)
_OPTIONS = (
    click.option(
        "--to",
        "targets",
        multiple=True,
        callback=_check_targets,
        metavar="SINK",
        help="Where to send readings; see below.",
    ),
    click.option(
        "--jsonl-bytes",
        type=click.IntRange(1000),
        default=16 * 1024 * 1024,
        show_default=True,
        help="Size in bytes at which jsonl:FILE is rotated.",
    ),
    click.option(
        "--jsonl-keep",
        type=click.IntRange(0, 1000),
        default=5,
        show_default=True,
        help="Number of rotated files to keep.",
    ),
    click.option(
        "--outbox",
        type=FILE,
        metavar="DIR",
        help="Folder for readings that wait for a broker.  [default: ~/.local/state/edge-digits]",
    ),
    click.option(
        "--outbox-max",
        type=click.IntRange(1),
        default=100_000,
        show_default=True,
        help="Maximum number of waiting readings; then each new one replaces the oldest.",
    ),
    click.option(
        "--password-file", type=FILE, metavar="FILE", help="File with the broker's password in its first line."
    ),
    click.option(
        "--ca-file", type=FILE, metavar="FILE", help="CA certificates (PEM) for mqtts instead of the system's."
    ),
    click.option(
        "--discovery",
        default="homeassistant",
        show_default=True,
        metavar="PREFIX",
        help="Discovery prefix of Home Assistant; empty: no discovery.",
    ),
    click.option("--unit", default="", metavar="UNIT", help="Home Assistant: unit of the reading, such as m³ or kWh."),
    click.option(
        "--device-class",
        default="",
        metavar="CLASS",
        callback=_check_device_class,
        help="Home Assistant: device class of the reading, such as water, gas or energy.",
    ),
    click.option(
        "--state-class",
        type=click.Choice(["", *STATE_CLASSES]),
        default="",
        metavar="CLASS",
        help=f"Home Assistant: state class of the reading: {', '.join(STATE_CLASSES)}.",
    ),
    click.option(
        "--decimals",
        type=click.IntRange(0, 18),
        metavar="N",
        help="Home Assistant: the last N digits of the reading are decimals.",
    ),
    click.option("--images", is_flag=True, help="Send the camera image to the broker with each reading."),
    click.option(
        "--save-hard", type=FILE, metavar="DIR", help="Save low-confidence digits as images to sort by label."
    ),
    click.option(
        "--save-hard-max",
        type=click.IntRange(1),
        default=1000,
        show_default=True,
        help="Maximum number of unsorted images.",
    ),
    click.option(
        "--save-hard-below",
        type=click.FloatRange(0, 1),
        default=0.9,
        show_default=True,
        help="Save digits with a confidence below this.",
    ),
)
