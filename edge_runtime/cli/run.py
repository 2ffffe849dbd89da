"""Run a command: one line per known error, tracebacks only with --debug, clean exit on Ctrl-C and closed pipes."""

import errno
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from edge_runtime.cli.requirements import import_advice
from edge_runtime.common.redact import redact
from edge_runtime.errors import FAILED, INTERRUPTED, EdgeDigitsError

debug_option = click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks and native messages.")


def run(command: click.Command, name: str) -> NoReturn:
    """Run a click command on the arguments of the process and exit with its code."""
    _open_streams()
    if "--debug" not in sys.argv[1:]:
        _silence_native_stderr()
    sys.exit(finish(command, name, sys.argv[1:]))


def finish(command: click.Command, name: str, arguments: Sequence[str]) -> int:
    """Run a click command; returns its exit code: 0 ok, 1 something failed, 2 wrong usage, 130 interrupted."""
    debug = "--debug" in arguments
    try:
        code: Any = command.main(list(arguments), prog_name=name, standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        _print_line("interrupted", debug)
        code = INTERRUPTED
    except BrokenPipeError:  # the reader of the pipe has closed it, as `head` does
        _drop_stdout()
        code = FAILED
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        click.echo(redact(shown.getvalue()), err=True, nl=False)  # an argument may be an address with a password
        code = error.exit_code
    except EdgeDigitsError as error:
        _print_line(f"error: {error}", debug)
        code = error.exit_code
    except OSError as error:
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EIO):  # errors of files are OutputErrors
            _print_line(f"error: standard output cannot be written: {error.strerror}", debug)
            _drop_stdout()
        else:
            _print_line(f"error: {error} (--debug shows where)", debug)
        code = FAILED
    except Exception as error:
        report = "please report it with the output of --debug"
        internal = f"internal error, {type(error).__name__}: {error}; {report}"
        _print_line(f"error: {import_advice(error) or internal}", debug)
        code = FAILED
    return code if isinstance(code, int) else 0


def _print_line(line: str, debug: bool) -> None:
    if debug:
        click.echo(redact(traceback.format_exc()), err=True, nl=False)
    click.echo(" ".join(redact(line).split()), err=True)


def _drop_stdout() -> None:
    """Discard pending output, or Python would print an error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_streams() -> None:
    """Replace standard streams that are closed by empty ones."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, mode))
    if isinstance(sys.stdout, io.TextIOWrapper):  # the terminal may not support all characters of a name
        sys.stdout.reconfigure(errors="backslashreplace")


def _silence_native_stderr() -> None:
    """Hide native messages: decoders and interpreters write directly to the file descriptor of stderr."""
    try:
        ours = os.dup(2)
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), 2)
        sys.stderr = os.fdopen(ours, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    except OSError:  # stderr is closed
        pass
