"""`edge-digits watch`: read the digits in front of a camera continuously."""

from pathlib import Path

import click

from edge_runtime.cli.config import config_option
from edge_runtime.cli.options import backend_option, model_option, roi_option, threads_option
from edge_runtime.cli.run import debug_option
from edge_runtime.cli.sink_options import HELP, SinkOptions, sink_options
from edge_runtime.cli.watch_terminal import run_watch
from edge_runtime.images.part import parse_part
from edge_runtime.limits import STABLE_FRAMES
from edge_runtime.sinks.targets import SinkSettings
from edge_runtime.sources.view import View
from edge_runtime.watch.meter import MeterRules
from edge_runtime.watch.settings import HardSettings, WatchSettings

EPILOG = f"""\b
Examples:
  edge-digits watch 0
  edge-digits watch rtsp://camera.local/stream --fps 5 --digits 5 --only-upward
  edge-digits watch picamera2 --roi 120,200,400,100 --rotate 180
  edge-digits watch http://camera.local:8080/video --json
  edge-digits watch http://camera.local/capture.jpg --fps 1
  edge-digits watch film.mp4 --to stdout --to csv:readings.csv
  edge-digits watch 0 --to mqtt://broker.local/meters/water --digits 5 --only-upward --unit m³ --device-class water
  edge-digits watch --config watch.toml
  edge-digits watch fake:digits=12345,move=20,fault=hand@5+2

\b
SOURCE is one of
  0 or /dev/video0        a USB camera or another Video4Linux device
  picamera2, picamera2:1  a camera module of a Raspberry Pi (apt install python3-picamera2)
  rtsp://, rtsps://       a network camera
  http://, https://       a network camera: MJPEG, or one image per request, with at most 5 requests a second;
                          certificates are not checked
  a file                  a video; every frame is read
  a folder                images, sorted by name; --fps sets how many a second
  fake:...                a simulated camera with fault injection. digits=123|456 (one after the other, each for
                          change=SECONDS), fps, width, height, size (of a digit), move (pixels), noise, light (0 to 1),
                          seed, fault=KIND@START+LENGTH (seconds; stall, eof, raise, black, disconnect, hand; can be
                          repeated), every=SECONDS (the faults start again)

{HELP}
\b
An address on the command line, with its password, is visible to other users of the machine: use the
environment variable EDGE_DIGITS_SOURCE or the file of --config. In a user name or password, write
/ as %2F, ? as %3F, # as %23 and @ as %40.
"""


@config_option
@click.command(epilog=EPILOG)
@click.argument("source", envvar="EDGE_DIGITS_SOURCE")
@sink_options
@roi_option
@click.option(
    "--rotate",
    type=click.Choice(["0", "90", "180", "270"]),
    default="0",
    show_default=True,
    help="Rotate the image clockwise.",
)
@click.option("--fps", type=click.FloatRange(0, min_open=True), metavar="N", help="Read at most N frames a second.")
@click.option(
    "--stable",
    type=click.IntRange(1, 1000),
    default=STABLE_FRAMES,
    show_default=True,
    metavar="N",
    help="Consecutive frames that must show a text before it is a reading, or none before it is gone.",
)
@click.option("--digits", type=click.IntRange(1), metavar="N", help="For meters: a reading has N digits.")
@click.option("--only-upward", is_flag=True, help="For meters: a reading is never less than the one before.")
@click.option(
    "--largest-step",
    type=click.IntRange(0),
    metavar="N",
    help="For meters: largest accepted change between two readings; N more for each minute without a reading.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="For meters: file that keeps the last reading.  [default: ~/.local/state/edge-digits/meter-*.json]",
)
@click.option("--wait", is_flag=True, help="Wait for a camera that cannot be opened yet; the default is to fail.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), metavar="N", help="End after N seconds.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print readings as JSON lines on standard output, and the summary last."
)
@model_option
@backend_option
@threads_option
@debug_option
def watch(
    source: str,
    sinks: SinkOptions,
    roi: str | None,
    rotate: str,
    fps: float | None,
    stable: int,
    digits: int | None,
    only_upward: bool,
    largest_step: int | None,
    state: Path | None,
    wait: bool,
    seconds: float | None,
    as_json: bool,
    model: str | None,
    backend: str,
    threads: int,
) -> int:
    """Read the digits in front of a camera, and report when a reading is stable, changes or is gone.

    A text becomes a reading when --stable consecutive frames show it. While digits are covered, cut off by the edge of
    the image or moving there, the last reading remains; a blank page ends it. A camera that fails is opened again after
    1 to 5 seconds, indefinitely. Unless --backend names one, the first backend that passes the self-test on this device
    is used. docs/sinks.md describes the rules for meters and how to override them. A summary is printed on standard
    error at the end. Exit code 0 at the end of a file, 130 after Ctrl-C, 143 after SIGTERM, 1 if the source cannot be
    opened or a reading could not be written.
    """
    settings = WatchSettings(
        source=source,
        targets=sinks.targets,
        sinks=SinkSettings(as_json=as_json, **sinks.settings),
        view=View(parse_part(roi) if roi else None, int(rotate)),
        stable=stable,
        rules=MeterRules(digits, only_upward, largest_step),
        state=state,
        fps=fps,
        wait=wait,
        seconds=seconds,
        hard=HardSettings(**sinks.hard) if sinks.hard else None,
        model=model,
        backend=backend,
        threads=threads,
    )
    return run_watch(settings, as_json)
