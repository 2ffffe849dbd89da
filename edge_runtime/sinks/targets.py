"""Opens the sink that a target names."""

import hashlib
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edge_runtime.common.redact import BROKER_FORM, redact_argument
from edge_runtime.errors import OutputError, UsageError
from edge_runtime.plugins import SINKS, load_plugin
from edge_runtime.sinks import ReadingSink
from edge_runtime.sinks.broker import parse_broker, read_password
from edge_runtime.sinks.home_assistant import Number

FORMS = f"stdout, jsonl:FILE, sqlite:FILE, csv:FILE, {BROKER_FORM}, mqtts://..."


def _print_to_stderr(line: str) -> None:
    with suppress(OSError, ValueError):  # a closed standard error must not end a thread
        print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class SinkSettings:
    """Settings of sinks."""

    as_json: bool = False  # write JSON lines to stdout, not text
    jsonl_bytes: int = 16 * 1024 * 1024  # bytes at which a jsonl file is rotated
    jsonl_keep: int = 5  # number of rotated files to keep
    outbox: Path | None = None  # folder for readings that wait for a broker; None: the state folder
    outbox_max: int = 100_000  # maximum number of waiting readings, about 300 bytes each
    password_file: Path | None = None  # file with the broker's password; None: use the environment
    ca_file: Path | None = None  # CA certificates for mqtts; None: the system's
    discovery: str = "homeassistant"  # discovery prefix of Home Assistant; empty: no discovery
    images: bool = False  # send an image after each reading to remote sinks
    unit: str = ""  # for Home Assistant, like the next three: see home_assistant.Number
    device_class: str = ""
    state_class: str = ""
    decimals: int | None = None
    report: Callable[[str], None] = _print_to_stderr  # called with one line per problem, from any thread


def open_sink(text: str, settings: SinkSettings | None = None) -> ReadingSink:
    """Open a target, one of FORMS.

    Raises UsageError for an invalid target, OutputError if it cannot be written, FileError for a password or
    certificates that cannot be read, and MissingLibraryError.
    """
    settings = settings or SinkSettings()
    kind, _, rest = text.partition(":")
    if text == "stdout":
        from edge_runtime.sinks.stdout import StdoutSink

        return StdoutSink(sys.stdout, settings.as_json)
    if kind in ("mqtt", "mqtts"):
        return _open_mqtt(text, settings)
    if kind not in ("jsonl", "sqlite", "csv"):
        if plugin := load_plugin(SINKS, kind):
            from edge_runtime.sinks.plugin import open_plugin_sink

            return open_plugin_sink(kind, plugin, rest, settings)
        raise UsageError(f"unknown sink {redact_argument(text)!r}: use {FORMS}")
    if not rest or "\0" in rest:
        raise UsageError(f"{kind}: needs a file name, such as {kind}:readings.{kind}")
    path = Path(rest)
    if path.is_dir() or not path.absolute().parent.is_dir():
        reason = "is a folder or is in a folder that does not exist: name a file in an existing folder"
        raise UsageError(f"{redact_argument(rest)} {reason}")
    if kind == "jsonl":
        from edge_runtime.sinks.jsonl import JsonLinesSink

        return JsonLinesSink(path, settings.jsonl_bytes, settings.jsonl_keep)
    if kind == "csv":
        from edge_runtime.sinks.csv import CsvSink

        return CsvSink(path)
    from edge_runtime.sinks.sqlite import SqliteSink

    return SqliteSink(path)


def _open_mqtt(text: str, settings: SinkSettings) -> ReadingSink:
    broker = parse_broker(text)
    from edge_runtime.sinks.mqtt import MqttSink
    from edge_runtime.sinks.outbox import Outbox

    if broker.user and not broker.password:
        broker = replace(broker, password=read_password(settings.password_file))
    folder = settings.outbox or state_folder()
    digest = hashlib.sha256(f"{broker.host}:{broker.port}/{broker.topic}".encode()).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{broker.host}-{broker.topic}")[:80]
    outbox = Outbox(folder / f"{name}-{digest}.sqlite", settings.outbox_max, settings.report)
    try:
        number = Number(settings.unit, settings.device_class, settings.state_class, settings.decimals)
        return MqttSink(broker, outbox, settings.report, settings.discovery, settings.ca_file, settings.images, number)
    except BaseException:
        outbox.close()
        raise


def state_folder() -> Path:
    """Return the folder of the outbox and the state files.

    It is systemd's state folder of a service, or `edge-digits` in $XDG_STATE_HOME or ~/.local/state. Raises OutputError
    if there is none of these.
    """
    if service := os.environ.get("STATE_DIRECTORY"):  # systemd.exec(5): folders are separated by colons
        return Path(service.partition(":")[0])
    if own := os.environ.get("XDG_STATE_HOME"):
        return Path(own) / "edge-digits"
    try:
        return Path.home() / ".local" / "state" / "edge-digits"
    except RuntimeError:
        raise OutputError("there is no home folder for the state of a watch: name a folder with --outbox") from None


def target_name(target: str) -> str:
    """Return the name of a target: without user and password. Raises UsageError for an invalid broker."""
    return parse_broker(target).name if target.startswith(("mqtt://", "mqtts://")) else target
