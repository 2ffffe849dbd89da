"""`edge-digits doctor`: show what is installed, what works and what to do."""

import json
from typing import Any

import click

from edge_runtime.bundles.golden import STEPS
from edge_runtime.cli.run import debug_option
from edge_runtime.diagnostics.doctor import examine
from edge_runtime.diagnostics.selftest import State
from edge_runtime.errors import FAILED

EPILOG = """\b
Examples:
  edge-digits doctor
  edge-digits doctor --self-test
"""


@click.command(epilog=EPILOG)
@click.option(
    "--self-test",
    is_flag=True,
    help="Run each backend with every model on known images, and compare the outputs with the expected ones.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@debug_option
def doctor(self_test: bool, as_json: bool) -> int:
    """Show versions, backends, processor features and models, and what to do about each missing part.

    Each backend runs in its own process, so a crash is detected. Exit code 1 if digits cannot be read on this device.
    """
    found = examine(self_test, lambda line: click.echo(line, err=True) if self_test else None)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return 0 if found["ok"] else FAILED
    for name, value in found["versions"].items():
        click.echo(f"{name:<24}{value}")
    click.echo(f"{'system':<24}{found['system']['platform']}")
    click.echo(f"{'processor features':<24}{' '.join(found['cpu_features']) or 'unknown'}")
    for name, backend in found["backends"].items():
        if backend["works"]:
            state = f"works, version {backend['version']}"
            state += ", chosen by auto" if name == found["auto"] else ""
        else:
            state = f"{'does not work' if backend['installed'] else 'not installed'}: {backend['advice']}"
        click.echo(f"{'backend ' + name:<24}{state}")
    for name, backend in found["backends"].items() if self_test else ():
        for model, result in backend.get("self_test", {}).items():
            click.echo(f"{'self-test ' + name:<24}{model:<12}{_describe_result(result)}")
    for name, model in (found["models"] | {"for lines": found["lines"]}).items():
        state = (
            ", ".join(f"{kind} {sha256[:16]}" for kind, sha256 in model["sha256"].items()) if model["ok"] else "broken"
        )
        click.echo(f"{'model ' + name:<24}{state}")
    for line in found["advice"]:
        click.echo(f"to do: {line}")
    well = "digits can be read" if found["advice"] else "all is well"
    click.echo(well if found["ok"] else "digits cannot be read here yet")
    return 0 if found["ok"] else FAILED


def _describe_result(result: dict[str, Any]) -> str:
    if result["state"] == State.UNSUPPORTED:
        return "not supported by this backend"
    if result["state"] != State.WORKS:
        return f"FAILED: {result['reason']}"
    if result["steps"] is None:
        return "runs; the model has no golden outputs for comparison"
    return "equal" if result["steps"] == 0 else f"{result['steps']:.2g} steps apart (limit: {STEPS})"
