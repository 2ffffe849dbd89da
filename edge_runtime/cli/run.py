"""How a command ends: one line for a known error, a traceback only on request, clean on Ctrl-C and closed pipes."""

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
    """Run a click command on the process's arguments and exit with its code; only Python writes to stderr."""
    _open_streams()
    if "--debug" not in sys.argv[1:]:
        _silence_native_stderr()
    sys.exit(finish(command, name, sys.argv[1:]))


def finish(command: click.Command, name: str, arguments: Sequence[str]) -> int:
    """Run a click command; returns its exit code: 0 fine, 1 something failed, 2 wrong usage, 130 interrupted."""
    debug = "--debug" in arguments
    try:
        code: Any = command.main(list(arguments), prog_name=name, standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        _print_line("interrupted", debug)
        code = INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has seen enough, as `head` does
        _drop_stdout()
        code = FAILED
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        click.echo(redact(shown.getvalue()), err=True, nl=False)  # what was typed may be an address with a password
        code = error.exit_code
    except EdgeDigitsError as error:
        _print_line(f"error: {error}", debug)
        code = error.exit_code
    except OSError as error:
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EIO):  # files of ours have errors of ours
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
    """Let what is still to be written go nowhere, or Python would complain of it on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_streams() -> None:
    """Give a process that was started without some of its three streams an empty one in their place."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, mode))
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that the terminal has no letters for is no reason to stop
        sys.stdout.reconfigure(errors="backslashreplace")


def _silence_native_stderr() -> None:
    """Keep stderr for Python: decoders and interpreters write to the descriptor behind its back."""
    try:
        ours = os.dup(2)
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), 2)
        sys.stderr = os.fdopen(ours, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    except OSError:  # stderr is closed: there is nothing to keep
        pass
