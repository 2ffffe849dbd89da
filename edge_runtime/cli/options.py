"""Options that several commands share."""

import click

from edge_runtime.backends import AUTO, CHOICES
from edge_runtime.limits import THREADS

model_option = click.option("--model", metavar="NAME|DIR", help="A shipped model or a bundle's folder.  [default: ann]")
backend_option = click.option(
    "--backend", type=click.Choice(CHOICES), default=AUTO, show_default=True, help="The interpreter."
)
threads_option = click.option(
    "--threads", type=click.IntRange(1, THREADS), default=1, show_default=True, help="Threads of the interpreter."
)
