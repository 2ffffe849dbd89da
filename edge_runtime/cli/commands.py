"""The command group. A command's module is imported when the command is used."""

from importlib import import_module

import click

from edge_runtime.cli.run import debug_option

EPILOG = """\b
Examples:
  edge-digits read note.jpg
  edge-digits watch rtsp://camera.local/stream
  edge-digits classify seven.png
  edge-digits batch-classify scans --output results.csv
  edge-digits fields blank.png
  edge-digits corrections corrections.csv scans --fields form.toml --output digits
  edge-digits models
  edge-digits doctor
  edge-digits bench
  sudo edge-digits service install
"""
COMMANDS = (
    "read",
    "watch",
    "classify",
    "batch-classify",
    "fields",
    "corrections",
    "models",
    "doctor",
    "bench",
    "service",
)


class _Commands(click.Group):
    """Imports `edge_runtime.cli.NAME` for the command NAME, with underscores for dashes in both."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"edge_runtime.cli.{name}"), name)
        return command


@click.group(
    cls=_Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="edge-digits", message="%(prog)s %(version)s")
@debug_option
def edge_digits() -> None:
    """Read handwritten digits from image files and cameras, with int8 models and without TensorFlow."""
