"""The option of every command that reads MNIST."""

from pathlib import Path

import click

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="MNIST as an npz file or the folder of its four IDX files; checked by its SHA-256.  [default: fetched]",
)
