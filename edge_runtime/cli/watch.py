"""`edge-digits watch`: readings of what stands in front of a camera, for as long as it runs."""

from pathlib import Path

import click

from edge_runtime.cli.config import config_option
from edge_runtime.cli.options import backend_option, model_option, threads_option
from edge_runtime.cli.run import debug_option
from edge_runtime.cli.sinks import HELP, Chosen, sink_options
from edge_runtime.limits import STABLE_FRAMES

EPILOG = f"""\b
Examples:
  edge-digits watch 0
  edge-digits watch rtsp://camera.local/stream --fps 5 --digits 5 --only-upward
  edge-digits watch picamera2 --roi 120,200,400,100 --rotate 180
  edge-digits watch http://camera.local:8080/video --json
  edge-digits watch film.mp4 --to stdout --to csv:readings.csv
  edge-digits watch 0 --to mqtt://broker.local/meters/water --digits 5 --only-upward
  edge-digits watch --config watch.toml
  edge-digits watch fake:digits=12345,move=20,fault=hand@5+2

\b
SOURCE is one of
  0 or /dev/video0        a camera at USB or such (Video4Linux)
  picamera2, picamera2:1  a Raspberry Pi's own camera (apt install python3-picamera2)
  rtsp://, rtsps://       a network camera
  http://, https://       MJPEG over HTTP
  a file                  a video; each of its frames is looked at
  a folder                of pictures, in the order of their names; with --fps, so many a second
  fake:...                drawn digits, and whatever may befall a camera. digits=123|456 (one after the other, each for
                          change=SECONDS), fps, width, height, size (of a digit), move (pixels), noise, light (0 to 1),
                          seed, fault=KIND@START+LENGTH (seconds; stall, eof, raise, black, disconnect, hand; many
                          times), every=SECONDS (faults begin anew)

{HELP}
\b
An address with a password can be seen by other users of the machine as long as it is an argument:
EDGE_DIGITS_SOURCE in the environment takes its place.
"""


@config_option
@click.command(epilog=EPILOG)
@click.argument("source", envvar="EDGE_DIGITS_SOURCE")
@sink_options
@click.option("--roi", metavar="X,Y,W,H", help="Look at this part alone, in pixels of the camera's picture.")
@click.option(
    "--rotate", type=click.Choice(["0", "90", "180", "270"]), default="0", show_default=True, help="Turn clockwise."
)
@click.option(
    "--fps", type=click.FloatRange(0, min_open=True), metavar="N", help="Look at no more than N frames a second."
)
@click.option(
    "--stable",
    type=click.IntRange(1, 1000),
    default=STABLE_FRAMES,
    show_default=True,
    metavar="N",
    help="Frames that a text must stand to be a reading, or nothing for the reading to go.",
)
@click.option("--digits", type=click.IntRange(1), metavar="N", help="A meter's: readings have N digits.")
@click.option("--only-upward", is_flag=True, help="A meter's: no reading is less than the last.")
@click.option(
    "--largest-step",
    type=click.IntRange(0),
    metavar="N",
    help="A meter's: largest accepted change between two readings; N more for each minute without a reading.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where a meter's last reading is kept over restarts.  [default: ~/.local/state/edge-digits/meter-....json]",
)
@click.option("--wait", is_flag=True, help="Wait for a camera that is not there yet; otherwise that is an error.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), metavar="N", help="End after N seconds.")
@click.option("--json", "as_json", is_flag=True, help="Readings as JSON lines on standard output, the summary last.")
@model_option
@backend_option
@threads_option
@debug_option
def watch(
    source: str,
    sinks: Chosen,
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
    """Read the digits in front of a camera, and say when a reading is stable, changes or goes.

    A reading counts when it has stood for --stable frames. One that is covered, cut off by the picture's edge or in
    motion there keeps its last value; a blank page shows nothing. A camera that fails is opened again after 1 to 5
    seconds, for ever. Unless --backend names one, the first backend that passes the self-test on this device reads.
    A summary goes to standard error at the end. Exit code 0 at the end of a file, 130 after
    Ctrl-C, 143 after SIGTERM, 1 if the source cannot be opened or a reading cannot be written.
    """
    # Imported here: no other command needs cameras.
    from edge_runtime.cli.session import Session, part
    from edge_runtime.sources.view import View
    from edge_runtime.watch.meter import Rules

    view = View(part(roi) if roi else None, int(rotate))
    rules = Rules(digits, only_upward, largest_step)
    session = Session(source, view, stable, rules, fps, wait, as_json, sinks, state)
    return session.run(model, backend, threads, seconds)
