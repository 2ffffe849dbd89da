"""All commands in one group."""

import click

from edge_runtime.cli.batch_classify import batch_classify
from edge_runtime.cli.bench import bench
from edge_runtime.cli.classify import classify
from edge_runtime.cli.doctor import doctor
from edge_runtime.cli.models import models
from edge_runtime.cli.read import read
from edge_runtime.cli.run import debug_option
from edge_runtime.cli.service import service
from edge_runtime.cli.watch import watch

EPILOG = """\b
Examples:
  edge-digits read note.jpg
  edge-digits watch rtsp://camera.local/stream
  edge-digits classify seven.png
  edge-digits batch-classify scans --output results.csv
  edge-digits models
  edge-digits doctor
  edge-digits bench
  sudo edge-digits service install
"""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="edge-digits", message="%(prog)s %(version)s")
@debug_option
def edge_digits() -> None:
    """Read handwritten digits from picture files, with an int8 network and no TensorFlow."""


for _command in (read, watch, classify, batch_classify, models, doctor, bench, service):
    edge_digits.add_command(_command)
