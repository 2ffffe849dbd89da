"""Options from a TOML file: same names and checks as on the command line, which takes precedence."""

import difflib
from pathlib import Path
from typing import Any

import click

from edge_runtime.common.toml import read_toml
from edge_runtime.errors import UsageError

META = frozenset({"config", "debug", "help", "version"})  # options that a file may not set


def config_option(command: click.Command) -> click.Command:
    """Add the option --config FILE to a command; the file may set all other options and arguments.

    A key is the name of an option without the leading dashes, or the name of an argument in lower case. The command
    line and the environment take precedence. Raises UsageError or FileError, which name the key.
    """
    option = click.Option(
        ["--config"],
        type=click.Path(path_type=Path),
        is_eager=True,  # before the defaults of other options are looked up
        expose_value=False,
        callback=_load,
        metavar="FILE",
        help="TOML file of options by name; the command line takes precedence.",
    )
    command.params.append(option)
    return command


def _load(context: click.Context, _option: click.Parameter, path: Path | None) -> None:
    if path is None or context.resilient_parsing:
        return
    context.default_map = {**(context.default_map or {}), **read_config(context, path)}


def read_config(context: click.Context, path: Path) -> dict[str, Any]:
    """Return the checked options of a file by parameter name; raises UsageError or FileError."""
    known = {_key(each): each for each in context.command.params}
    known = {key: each for key, each in known.items() if key not in META}
    found: dict[str, Any] = {}
    for key, value in read_toml(path).items():
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


def _check(context: click.Context, parameter: click.Parameter, value: Any, where: str) -> Any:
    """Return a value in the form of a click default; raises UsageError for a wrong type or an invalid value."""
    many = parameter.multiple if isinstance(parameter, click.Option) else parameter.nargs == -1
    row = many or parameter.nargs != 1
    values = value if row and isinstance(value, list) else [value]
    expected, types = _expected_type(parameter)
    if not all(type(each) in types for each in values) or (row and not many and len(values) != parameter.nargs):
        count = f"a list of {parameter.nargs}: each " if row and not many else ""
        raise UsageError(f"{where}: {_describe_value(value)} is not {count}{expected}")
    value = values if row else value
    try:
        parameter.type_cast_value(context, value)
    except click.BadParameter as error:
        raise UsageError(f"{where}: {error.message}") from None
    return value


def _expected_type(parameter: click.Parameter) -> tuple[str, tuple[type, ...]]:
    """Return the expected type as text, and the matching Python types."""
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return "true or false", (bool,)
    if isinstance(parameter.type, (click.types.IntParamType, click.IntRange)):
        return "a whole number", (int,)
    if isinstance(parameter.type, (click.types.FloatParamType, click.FloatRange)):
        return "a number", (int, float)
    return "a text", (str,)


def _describe_value(value: Any) -> str:
    """Describe a value for a message. Texts are never shown: one may be a misplaced secret."""
    kinds: dict[type, str] = {str: "a text", list: "a list", dict: "a table"}
    return kinds.get(type(value)) or str(value).lower()
