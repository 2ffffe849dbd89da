"""`edge-digits service`: a watch that starts with the system and is kept alive by systemd."""

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
The configuration is /etc/edge-digits/watch.toml, which only root can read; secrets may also stand in
/etc/edge-digits/environment, as NAME=value. The service runs as a user of its own, sees cameras and the network, and
writes /var/lib/edge-digits alone. Where it makes no progress for 10 seconds it is killed and started again.
"""
root_option = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/"),
    show_default=True,
    help="Of the system; another than / is written to, and nothing is started.",
)


@click.group(epilog=EPILOG)
@debug_option
def service() -> None:
    """Keep `watch` running as a service of systemd."""


@service.command()
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="TOML; without it the one there stays.")
@click.option("--memory", metavar="SIZE", help="The most it may take.  [default: as before, or 300M]")
@click.option("--renew", is_flag=True, help="After an upgrade: what is stopped or disabled stays so.")
@root_option
@debug_option
def install(config: Path | None, memory: str | None, renew: bool, root: Path) -> int:
    """Write the unit and the configuration, and start the service; again, to change them."""
    from edge_runtime.cli.config import read_config
    from edge_runtime.cli.watch import watch
    from edge_runtime.service.install import check_memory
    from edge_runtime.service.install import install as install_service

    if config is not None:  # one that watch refuses would be started for ever
        read_config(click.Context(watch), config)
    for line in install_service(root, config, memory and check_memory(memory), renew):
        click.echo(line)
    return 0


@service.command()
@click.option("--keep-data", is_flag=True, help="Leave the configuration and what the service wrote.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@root_option
@debug_option
def uninstall(keep_data: bool, yes: bool, root: Path) -> int:
    """Stop the service and remove all of it, its configuration and readings, too. Exit code 1 if you say no."""
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
    """Accept what the meter shows as its reading, whatever it showed before: after it was exchanged, for example.

    The same is the command `accept` over MQTT, and the signal SIGUSR1 to a watch that is no service.
    """
    from edge_runtime.service.install import accept as accept_reading

    accept_reading()
    click.echo("the next text that stands is accepted")
    return 0


@service.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@debug_option
def status(as_json: bool) -> int:
    """Show how the service is. Exit code 0 if it runs, else 1."""
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
