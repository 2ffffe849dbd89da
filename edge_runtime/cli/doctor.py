"""`edge-digits doctor`: what is installed, what works, what to do."""

import json

import click

from edge_runtime.cli.run import debug_option
from edge_runtime.doctor import examine


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@debug_option
def doctor(as_json: bool) -> int:
    """Show versions, backends, processor features and models, and what to do about each thing missing.

    Exit code 1 if no digit could be read on this device as it is.
    """
    found = examine()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return 0 if found["ok"] else 1
    for name, value in found["versions"].items():
        click.echo(f"{name:<24}{value}")
    click.echo(f"{'system':<24}{found['system']['platform']}")
    click.echo(f"{'processor features':<24}{' '.join(found['cpu_features']) or 'unknown'}")
    for name, backend in found["backends"].items():
        if backend["works"]:
            state = f"works, version {backend['version']}"
            state += ", the one that auto takes" if name == found["auto"] else ""
        else:
            state = f"{'does not work' if backend['installed'] else 'not installed'}: {backend['advice']}"
        click.echo(f"{'backend ' + name:<24}{state}")
    for name, model in (found["models"] | {"for lines": found["lines"]}).items():
        state = (
            ", ".join(f"{kind} {sha256[:16]}" for kind, sha256 in model["sha256"].items()) if model["ok"] else "broken"
        )
        click.echo(f"{'model ' + name:<24}{state}")
    for line in found["advice"]:
        click.echo(f"to do: {line}")
    well = "digits can be read" if found["advice"] else "all is well"
    click.echo(well if found["ok"] else "digits cannot be read here yet")
    return 0 if found["ok"] else 1
