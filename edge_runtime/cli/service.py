"""`edge-digits service`: a watch that starts with the system and is kept alive by systemd."""

import json
from pathlib import Path

import click

from edge_runtime.cli.run import debug_option

EPILOG = """\b
Examples:
  sudo edge-digits service install --config watch.toml
  edge-digits service status
  sudo edge-digits service accept
  sudo edge-digits service uninstall --keep-data

\b
The configuration is /etc/edge-digits/watch.toml, which only root can read; secrets may also stand in
/etc/edge-digits/environment, as NAME=value. The service runs as its own user, sees cameras and the network, and
writes only /var/lib/edge-digits. If it makes no progress for 10 seconds it is killed and restarted.
"""
root_option = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/"),
    show_default=True,
    help="Root folder of the system; if it is not /, files are written and nothing is started.",
)


@click.group(epilog=EPILOG)
@debug_option
def service() -> None:
    """Keep `watch` running as a service of systemd."""


@service.command()
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="A TOML file; by default the installed one stays."
)
@click.option("--memory", metavar="SIZE", help="Memory limit of the service.  [default: as before, or 300M]")
@click.option("--renew", is_flag=True, help="After an upgrade: a stopped or disabled service stays so.")
@root_option
@debug_option
def install(config: Path | None, memory: str | None, renew: bool, root: Path) -> int:
    """Write the unit and the configuration, and start the service. Run it again to change them."""
    from edge_runtime.cli.config import read_config
    from edge_runtime.cli.watch import watch
    from edge_runtime.service.install import check_memory
    from edge_runtime.service.install import install as put

    if config is not None:  # one that watch refuses would be started for ever
        read_config(click.Context(watch), config)
    for line in put(root, config, memory and check_memory(memory), renew):
        click.echo(line)
    return 0


@service.command()
@click.option("--keep-data", is_flag=True, help="Leave the configuration and what the service wrote.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@root_option
@debug_option
def uninstall(keep_data: bool, yes: bool, root: Path) -> int:
    """Stop the service and remove it with its configuration and readings. Exit code 1 if you answer no."""
    from edge_runtime.service.install import uninstall as remove

    question = "Remove the service, its configuration and its readings?"
    if not (keep_data or yes or click.confirm(question, err=True)):
        click.echo("nothing was changed", err=True)
        return 1
    for line in remove(root, keep_data):
        click.echo(line)
    return 0


@service.command()
@debug_option
def accept() -> int:
    """Accept the next stable text of a meter whatever the rules say, for example after the meter was replaced.

    The command `accept` over MQTT and the signal SIGUSR1 to a watch without a service do the same.
    """
    from edge_runtime.service.install import accept as ask

    ask()
    click.echo("the next text that stands is accepted")
    return 0


@service.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@debug_option
def status(as_json: bool) -> int:
    """Show how the service is. Exit code 0 if it runs, else 1."""
    from edge_runtime.service.install import status as look

    found = look()
    if as_json:
        click.echo(json.dumps(found))
    elif found is None:
        click.echo("systemd does not run here")
    else:
        for name, value in found.items():
            click.echo(f"{name:<24}{value}")
    return 0 if found and found.get("ActiveState") == "active" else 1
