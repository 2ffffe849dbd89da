"""Options in a TOML file: the same names, checked as strictly as on the command line, which wins."""

import difflib
import tomllib
from pathlib import Path
from typing import Any

import click

from edge_runtime.common.text import read_text
from edge_runtime.errors import FileError, UsageError
from edge_runtime.limits import CONFIG_BYTES

META = frozenset({"config", "debug", "help", "version"})  # options that are about the command, not its work


def config_option(command: click.Command) -> click.Command:
    """Give a command the option --config FILE, from which all of its other options and arguments may come.

    A key is an option's name without its dashes in front, or an argument's name in small letters. What stands on the
    command line or in an option's variable of the environment wins. Raises UsageError or FileError, with the key.
    """
    option = click.Option(
        ["--config"],
        type=click.Path(path_type=Path),
        is_eager=True,  # before the others ask for their defaults
        expose_value=False,
        callback=_load,
        metavar="FILE",
        help="A TOML file with options by their names; the command line wins.",
    )
    command.params.append(option)
    return command


def _load(context: click.Context, _option: click.Parameter, path: Path | None) -> None:
    if path is None or context.resilient_parsing:
        return
    context.default_map = {**(context.default_map or {}), **read_config(context, path)}


def read_config(context: click.Context, path: Path) -> dict[str, Any]:
    """Return a file's options by the names of the command's parameters, checked; raises UsageError, FileError."""
    known = {_key(each): each for each in context.command.params}
    known = {key: each for key, each in known.items() if key not in META}
    found: dict[str, Any] = {}
    for key, value in _read(path).items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.5)
            raise UsageError(
                f"{path}: there is no option {key!r}"
                + (f": did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(known))}")
            )
        parameter = known[key]
        found[str(parameter.name)] = _check(context, parameter, value, f"{path}: {key}")
    return found


def _key(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        return str(parameter.name).replace("_", "-")
    return max(parameter.opts, key=len).lstrip("-")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path, CONFIG_BYTES))
    except FileError as error:
        if isinstance(error.__cause__, OSError):
            raise
        raise UsageError(str(error)) from None  # it can be read, and makes no sense
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None


def _check(context: click.Context, parameter: click.Parameter, value: Any, where: str) -> Any:
    """Return a value as click takes it for a default; raises UsageError where its type is another or it is refused."""
    many = parameter.multiple if isinstance(parameter, click.Option) else parameter.nargs == -1
    row = many or parameter.nargs != 1
    values = value if row and isinstance(value, list) else [value]
    expected, types = _expected_type(parameter)
    if not all(type(each) in types for each in values) or (row and not many and len(values) != parameter.nargs):
        count = f"list of {parameter.nargs}: each a " if row and not many else ""
        raise UsageError(f"{where}: {_describe_value(value)} is no {count}{expected}")
    value = values if row else value
    try:
        parameter.type_cast_value(context, value)
    except click.BadParameter as error:
        raise UsageError(f"{where}: {error.message}") from None
    return value


def _expected_type(parameter: click.Parameter) -> tuple[str, tuple[type, ...]]:
    """What a value must be: in words, and as TOML gives it."""
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return "true or false", (bool,)
    if isinstance(parameter.type, (click.types.IntParamType, click.IntRange)):
        return "whole number", (int,)
    if isinstance(parameter.type, (click.types.FloatParamType, click.FloatRange)):
        return "number", (int, float)
    return "text", (str,)


def _describe_value(value: Any) -> str:
    """A value in a message: never a text, which may be a secret that has slipped into the wrong line."""
    kinds: dict[type, str] = {str: "a text", list: "a list", dict: "a table"}
    return kinds.get(type(value)) or str(value).lower()
