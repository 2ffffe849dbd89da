"""`edge-digits service`: a watch that systemd starts with the system and keeps running."""

import json
from pathlib import Path

import click

from edge_runtime.cli.run import debug_option
from edge_runtime.errors import FAILED

EPILOG = """\b
Examples:
  sudo edge-digits service install --config watch.toml
  edge-digits service status
  sudo edge-digits service accept
  sudo edge-digits service uninstall --keep-data

\b
The configuration is /etc/edge-digits/watch.toml, readable only by root; secrets can also be in
/etc/edge-digits/environment, as NAME=value. The service runs as its own user, has access to cameras and the network,
and writes only to /var/lib/edge-digits. If it makes no progress for 10 seconds, systemd kills and restarts it.
"""
root_option = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/"),
    show_default=True,
    help="Root folder of the system; with another one than /, files are written but nothing is started.",
)


@click.group(epilog=EPILOG)
@debug_option
def service() -> None:
    """Run `watch` as a systemd service."""


@service.command()
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="TOML file.  [default: keep the present one]"
)
@click.option("--memory", metavar="SIZE", help="Memory limit.  [default: as before, or 300M]")
@click.option("--renew", is_flag=True, help="After an upgrade: a stopped or disabled service stays so.")
@root_option
@debug_option
def install(config: Path | None, memory: str | None, renew: bool, root: Path) -> int:
    """Write the unit and the configuration, and start the service. Repeat it to change them."""
    from edge_runtime.cli.config import read_config
    from edge_runtime.cli.watch import watch
    from edge_runtime.service.install import check_memory
    from edge_runtime.service.install import install as install_service

    if config is not None:  # systemd would restart a watch with an invalid configuration forever
        read_config(click.Context(watch), config)
    for line in install_service(root, config, memory and check_memory(memory), renew):
        click.echo(line)
    return 0


@service.command()
@click.option("--keep-data", is_flag=True, help="Keep the configuration and the readings.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@root_option
@debug_option
def uninstall(keep_data: bool, yes: bool, root: Path) -> int:
    """Stop the service and remove it with its configuration and readings. Exit code 1 if you answer no."""
    from edge_runtime.service.install import uninstall as uninstall_service

    question = "Remove the service, its configuration and its readings?"
    if not (keep_data or yes or click.confirm(question, err=True)):
        click.echo("nothing was changed", err=True)
        return FAILED
    for line in uninstall_service(root, keep_data):
        click.echo(line)
    return 0


@service.command()
@debug_option
def accept() -> int:
    """Accept the next stable text as the reading of the meter, for example after the meter was replaced.

    The MQTT command `accept` does the same, and so does SIGUSR1 sent to a watch.
    """
    from edge_runtime.service.install import accept as accept_reading

    accept_reading()
    click.echo("the next stable text is accepted")
    return 0


@service.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@debug_option
def status(as_json: bool) -> int:
    """Show the state of the service. Exit code 0 if it runs, else 1."""
    from edge_runtime.service.install import status as read_status

    found = read_status()
    if as_json:
        click.echo(json.dumps(found))
    elif found is None:
        click.echo("systemd does not run here")
    else:
        for name, value in found.items():
            click.echo(f"{name:<24}{value}")
    return 0 if found and found.get("ActiveState") == "active" else FAILED
