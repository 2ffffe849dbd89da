"""Options shared by several commands."""

import click

from edge_runtime.backends import AUTO, CHOICES
from edge_runtime.bundles.bundle import Bundle
from edge_runtime.limits import THREADS
from edge_runtime.plugins import BACKENDS, plugin_names

model_option = click.option("--model", metavar="NAME|DIR", help="A shipped model or a bundle's folder.  [default: ann]")


class _BackendName(click.Choice[str]):
    """A built-in backend, or one of a plugin."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return value if value not in CHOICES and value in plugin_names(BACKENDS) else super().convert(value, param, ctx)


backend_option = click.option(
    "--backend", type=_BackendName(CHOICES), default=AUTO, show_default=True, help="Inference backend."
)
lines_option = click.option(
    "--lines/--no-lines",
    default=True,
    show_default=True,
    help="Read low-confidence rows again with a line recogniser, so that digits may touch.",
)
roi_option = click.option(
    "--roi",
    metavar="X,Y,W,H",
    help="Read only this part of each image, in pixels or as shares, such as 10%,20%,50%,15%.",
)
digits_only_option = click.option(
    "--digits-only", is_flag=True, help="Print accepted digits alone, without spaces and without ? for rejected digits."
)
threads_option = click.option(
    "--threads", type=click.IntRange(1, THREADS), default=1, show_default=True, help="Threads of the backend."
)
max_error_option = click.option(
    "--max-error",
    type=float,
    metavar="SHARE",
    help="Target error rate among accepted digits, measured on validation data, such as 0.001.  "
    "[default: the threshold of the model]",
)


def print_max_error(bundle: Bundle, max_error: float | None) -> None:
    """Print what `--max-error` means for a model on standard error; raises UsageError if it cannot be reached."""
    if max_error is not None:
        found = bundle.threshold(max_error)
        click.echo(
            f"accepted from a confidence of {found.min_confidence:.2%}: {found.coverage:.2%} of the validation digits, "
            f"and at most {found.max_error:g} of these were wrong",
            err=True,
        )
