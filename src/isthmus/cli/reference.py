"""Generates the reference of the command line from the commands.

python -m isthmus.cli.reference docs/reference/cli.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin

import typer.main

from isthmus.cli.main import app

__all__ = ["list_commands", "render_page"]

Command: TypeAlias = Any
Parameter: TypeAlias = Any
"""Classes of the copy of click that typer contains, for which it publishes no types."""

_NAME: Final = "isthmus"
_EXAMPLES: Final = ("Example:", "Examples:")
_HIDDEN_OPTIONS: Final = frozenset({"help"})
"""Options that are left out because every command has them."""

_INTRODUCTION: Final = """# Command line

<!-- Made by `python -m isthmus.cli.reference docs/reference/cli.md`: change the commands. -->

`isthmus COMMAND --help` and `isthmus help COMMAND` print the same text. Results go to standard
output, everything else to standard error. Variables: [settings](settings.md).

| exit code | when |
| --- | --- |
| 0 | done |
| 1 | a check, an expression or a call failed; a command on this server's database failed |
| 2 | wrong usage: an unknown option, a file that cannot be read, no terminal to ask on |
| 3 | not allowed (401, 403) |
| 4 | not found (404) |
| 5 | the server or the provider is unreachable or failed (5xx) |
| 6 | conflict: changed in the meantime (409) |
| 7 | too many requests (429) |

Each command's text names the exit codes that it uses.
"""


def list_commands() -> Iterator[tuple[str, Command]]:
    """Yields each visible command with its full name (`isthmus tokens create`), a group before its
    commands."""
    yield from _walk_commands(_NAME, typer.main.get_command(app))


def render_page() -> str:
    """Renders the Markdown of the page, which ends with a newline."""
    return "\n".join([_INTRODUCTION, *(_render_section(name, command) for name, command in list_commands())])


def _walk_commands(name: str, command: Command) -> Iterator[tuple[str, Command]]:
    """Yields a command with its full name, and after it those below it that are visible."""
    yield name, command
    for word, subcommand in getattr(command, "commands", {}).items():
        if not subcommand.hidden:
            yield from _walk_commands(f"{name} {word}", subcommand)


def _render_section(name: str, command: Command) -> str:
    """Renders the section of a command or group."""
    parameters = [item for item in command.params if item.name not in _HIDDEN_OPTIONS]
    lines = [f"## {name}", "", *_render_help(command.help or "")]
    below = getattr(command, "commands", None)
    if below:
        lines += [
            f"- [`{name} {word}`](#{name.replace(' ', '-')}-{word}): {_get_first_line(item)}"
            for word, item in below.items()
            if not item.hidden
        ]
        return "\n".join([*lines, ""])
    arguments = [item for item in parameters if item.param_type_name == "argument"]
    usage = " ".join(
        [
            name,
            *(["[OPTIONS]"] if len(parameters) > len(arguments) else []),
            *map(_render_argument, arguments),
        ]
    )
    lines += ["```text", usage, "```", ""]
    if parameters:
        lines += ["| | default | |", "| --- | --- | --- |", *map(_render_parameter_row, parameters), ""]
    return "\n".join(lines)


def _render_help(text: str) -> Iterator[str]:
    """Yields the paragraphs of a help text; those after "Examples:" become a block of commands."""
    is_example = False
    examples = []
    for paragraph in cleandoc(text).split("\n\n"):
        line = " ".join(paragraph.split())
        if line in _EXAMPLES:
            is_example = True
        elif is_example:
            examples.append(line)
        else:
            yield from (_escape_markdown(line), "")
    if examples:
        yield from ("```sh", *examples, "```", "")


def _get_first_line(command: Command) -> str:
    """Returns the first paragraph of the command's help, on one line."""
    return _escape_markdown(" ".join(cleandoc(command.help or "").partition("\n\n")[0].split()))


def _escape_markdown(line: str) -> str:
    """Escapes `<` and `*` outside of code, so that Markdown shows them as they are."""
    parts = line.split("`")
    parts[::2] = [part.replace("<", "&lt;").replace("*", "\\*") for part in parts[::2]]
    return "`".join(parts)


def _render_argument(argument: Parameter) -> str:
    """Renders an argument as in a usage line: `ID`, `[ID]`, `[FILE...]`."""
    shown = _get_metavar(argument) + (
        "..." if argument.nargs == -1 and "..." not in _get_metavar(argument) else ""
    )
    return shown if argument.required else f"[{shown}]"


def _get_metavar(parameter: Parameter) -> str:
    """Returns the name under which help shows the parameter."""
    return str(parameter.metavar or parameter.name.upper())


def _render_parameter_row(parameter: Parameter) -> str:
    """Renders the table row of an argument or option."""
    if parameter.param_type_name == "argument":
        names = f"`{_get_metavar(parameter)}`"
    else:
        names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
        if not parameter.is_flag:
            names += f" {_describe_values(parameter)}"
    meaning = _escape_markdown(" ".join((parameter.help or "").split())).replace("|", "\\|")
    return f"| {names} | {_describe_default(parameter)} | {meaning} |"


def _describe_values(option: Parameter) -> str:
    """Describes what values an option takes: its choices, its metavar, or its type."""
    kind = option.type_descriptor.annotation
    if get_origin(kind) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(kind))
    if option.metavar:
        return f"`{option.metavar}`"
    if option.min is not None:
        return f"number from {option.min}" + ("" if option.max is None else f" to {option.max}")
    return "path" if isinstance(kind, type) and issubclass(kind, Path) else "text"


def _describe_default(parameter: Parameter) -> str:
    """Describes the default: "required", the text of `show_default`, the option's name for a flag that is on,
    or the value; empty for none and for a flag that is off."""
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    value = parameter.default
    if value is True:
        return f"`{parameter.opts[0]}`"
    return "" if value is None or isinstance(value, bool) else f"`{value}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_page(), encoding="utf-8")
