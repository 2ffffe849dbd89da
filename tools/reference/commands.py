"""The reference of the command line, from what click knows of each command."""

import inspect
import re
from collections.abc import Iterator

import click

from edge_runtime.cli.commands import edge_digits
from export.__main__ import command as export
from train.__main__ import command as train

TOP = """# Command line

Generated from the commands by `python -m tools.reference`. `edge-digits COMMAND --help` shows the same.

[Exit codes](exit-codes.md), [reasons](reasons.md) and [JSON](json.md) have pages of their own. `--debug` shows the
traceback of an error and what native libraries print.
"""
TRAINING = """## Training and export

These commands need a checkout and its environment, see [Train and export](../tutorials/train-and-export.md).
"""
PROGRAMS = (("edge-digits", edge_digits), ("python -m train", train), ("python -m export", export))


def page() -> str:
    """Return the page as Markdown."""
    parts = [TOP]
    for name, command in PROGRAMS:
        if command is train:
            parts.append(TRAINING)
        parts += [section(context) for context in walk(command, name)]
    return "\n".join(parts)


def walk(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[click.Context]:
    """Yield the context of a command and of each one below it, in the order of the help."""
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    yield context
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from walk(found, each, context)


def section(context: click.Context) -> str:
    """Return the section of one command."""
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"## {context.command_path}", f"```text\n{usage}\n```", inspect.cleandoc(command.help or "")]
    if isinstance(command, click.Group):
        names = command.list_commands(context)
        parts.append("Commands:")
        parts.append("\n".join(f"- [`{name}`](#{anchor(f'{context.command_path} {name}')})" for name in names))
    parts.append("Options:")
    parts.append("\n".join(filter(None, (_option(each, context) for each in command.get_params(context)))))
    if command.epilog:
        parts.append(f"```text\n{_epilog(command.epilog)}\n```")
    return "\n\n".join(filter(None, parts)) + "\n"


def anchor(heading: str) -> str:
    """Return the anchor that Markdown gives a heading."""
    return re.sub(r"[^\w-]+", "-", heading.lower()).strip("-")


def _option(parameter: click.Parameter, context: click.Context) -> str:
    record = parameter.get_help_record(context)
    if record is None:
        return ""
    names, text = record
    return f"- `{names}`: {_escaped(' '.join(text.split()))}" if text else ""  # the usage names arguments


def _escaped(text: str) -> str:
    """Keep names of files and places from being read as Markdown."""
    return re.sub(r"\*|<(?=\w)", r"\\\g<0>", text)


def _epilog(text: str) -> str:
    """Return an epilog without click's marks of paragraphs that are not wrapped."""
    return "\n".join(line for line in text.splitlines() if line != "\b").strip("\n")
