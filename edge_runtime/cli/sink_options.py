"""Options for where the readings of a watch go."""

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
Readings go to any number of --to
  stdout                   lines for people; JSON lines with --json (the default)
  jsonl:FILE               JSON lines; at --jsonl-bytes FILE becomes FILE.1 and so on
  csv:FILE, sqlite:FILE    a line or a row (of the table `readings`) each
  mqtt://[USER@]HOST[:PORT]/TOPIC, mqtts://...
                           an MQTT broker, with Home Assistant's discovery; readings wait in --outbox while it is away.
                           The password is in EDGE_DIGITS_MQTT_PASSWORD, --password-file, or the address in --config.
New files can be read by their owner and group (0640).
"""


@dataclass(frozen=True)
class SinkOptions:
    """The found options; the defaults are those of `sinks.targets.SinkSettings`."""

    targets: tuple[str, ...]
    settings: dict[str, Any]  # of SinkSettings, by name
    hard: dict[str, Any] | None  # of HardCases, by name; None where hard digits are not kept


def sink_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, whose function gets them as one argument: `sinks`, a SinkOptions."""

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
    """Refuse a password that other users of the machine could read in the list of processes."""
    from edge_runtime.sinks.broker import PASSWORD, has_password

    shown = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    if shown and any(map(has_password, targets)):
        raise UsageError(
            "a password on the command line can be seen by other users of this machine: put it into "
            f"--password-file or {PASSWORD}, or the whole address into the file of --config"
        )
    return targets or ("stdout",)


def _check_device_class(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value and value not in DEVICE_CLASSES:
        like = get_close_matches(value.lower(), DEVICE_CLASSES, 3) or ["water", "gas", "energy"]
        raise click.BadParameter(
            f"{value!r} is none of Home Assistant's for sensors with a number, such as {', '.join(like)}",
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
    "pictures",
    "unit",
    "device_class",
    "state_class",
    "decimals",
)
_OPTIONS = (
    click.option(
        "--to", "targets", multiple=True, callback=_check_targets, metavar="SINK", help="Where readings go; see below."
    ),
    click.option(
        "--jsonl-bytes",
        type=click.IntRange(1000),
        default=16 * 1024 * 1024,
        show_default=True,
        help="Size at which a jsonl:FILE is rotated.",
    ),
    click.option(
        "--jsonl-keep", type=click.IntRange(0, 1000), default=5, show_default=True, help="Rotated files that stay."
    ),
    click.option(
        "--outbox",
        type=FILE,
        metavar="DIR",
        help="Where readings wait for a broker.  [default: ~/.local/state/edge-digits]",
    ),
    click.option(
        "--outbox-max",
        type=click.IntRange(1),
        default=100_000,
        show_default=True,
        help="Readings that may wait; each further one takes the place of the oldest.",
    ),
    click.option("--password-file", type=FILE, metavar="FILE", help="The broker's password, in its first line."),
    click.option("--ca-file", type=FILE, metavar="FILE", help="Certificates (PEM) that mqtts trusts instead."),
    click.option(
        "--discovery",
        default="homeassistant",
        show_default=True,
        metavar="PREFIX",
        help="Of Home Assistant's discovery; empty for none.",
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
    click.option("--pictures", is_flag=True, help="Send the camera's picture to the broker with each reading."),
    click.option(
        "--save-hard", type=FILE, metavar="DIR", help="Keep digits of low confidence as pictures to sort by label."
    ),
    click.option(
        "--save-hard-max", type=click.IntRange(1), default=1000, show_default=True, help="Unsorted pictures at most."
    ),
    click.option(
        "--save-hard-below",
        type=click.FloatRange(0, 1),
        default=0.9,
        show_default=True,
        help="Confidence from which on a digit is not kept.",
    ),
)
