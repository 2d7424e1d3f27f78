"""Builds the commands `list`, `get`, `create`, `update` and `delete` of each kind of resource.

Their work is imported when they run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import typer
from typer.core import TyperGroup
from typer.main import get_group

from isthmus.cli.remote.options import ApiUrl, Body, TableOutput, Token
from isthmus.cli.remote.resources.command_groups import GROUPS, CommandGroup

__all__ = ["PANEL", "RootGroup", "add_commands"]

_ANY_OPTION: Final = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Filters and fields are options that typer does not know; the command checks them."""


PANEL: Final = "Resources of any server"
"""The panel in which help lists these groups."""


Click: TypeAlias = Any
"""A context or command of the copy of click that typer contains, for which it publishes no types."""


class _Command(NamedTuple):
    """A command, and the text that its help shows."""

    run: Callable[..., None]
    help: str


class _Operation(NamedTuple):
    """One of the five commands of a group. `has_options`: whether it takes filters or fields as options."""

    name: str
    make_command: Callable[[CommandGroup], _Command]
    has_options: bool


class RootGroup(TyperGroup):
    """The root of all commands. It adds a group for each kind of resource that has none yet, and finds groups
    by their aliases too."""

    def __init__(self, **options: Any) -> None:  # options of typer's own class
        super().__init__(**options)
        for group in GROUPS.values():
            if group.name not in self.commands:
                self.commands[group.name] = _RowGroup(group)

    def get_command(self, ctx: Click, cmd_name: str) -> Click:
        """Finds a command by its name or alias."""
        return super().get_command(ctx, _ALIASES.get(cmd_name, cmd_name))


class _RowGroup(TyperGroup):
    """The group of one kind of resource. Its commands are built when they are looked up, so that other
    commands start faster."""

    def __init__(self, group: CommandGroup) -> None:
        self._group = group
        self._made: dict[str, Click] | None = None
        about = group.about[0].upper() + group.about[1:]
        help_text = f"{about}: {', '.join(_OPERATIONS[letter].name for letter in group.operations)}."
        super().__init__(name=group.name, help=help_text, no_args_is_help=True, rich_help_panel=PANEL)

    @property
    def commands(self) -> MutableMapping[str, Click]:
        """The commands by name, built at the first access."""
        if self._made is None:
            app = typer.Typer()
            add_commands(app, self._group)
            self._made = dict(get_group(app).commands)
        return self._made

    @commands.setter
    def commands(self, _: MutableMapping[str, Click]) -> None:
        """Ignores the commands that the base class sets."""


_ALIASES: Final = {alias: group.name for group in GROUPS.values() for alias in group.aliases}

Id = Annotated[str, typer.Argument(help="Id, or name if it has one.")]
Select = Annotated[str | None, typer.Option(help="Only these fields, a,b.c.", metavar="FIELDS")]


def add_commands(app: typer.Typer, group: CommandGroup) -> None:
    """Adds the commands of one kind of resource to a group."""
    for letter in group.operations:
        operation = _OPERATIONS[letter]
        command = operation.make_command(group)
        app.command(
            operation.name,
            help=command.help,
            context_settings=_ANY_OPTION if operation.has_options else None,
        )(command.run)


def _make_list_command(group: CommandGroup) -> _Command:
    """Makes the `list` command of a group, and its help text."""

    def command(
        ctx: typer.Context,
        limit: Annotated[int, typer.Option(help="Rows per page.", min=1, max=1000)] = 25,
        next_cursor: Annotated[str | None, typer.Option(help="Cursor of the page to fetch.")] = None,
        every: Annotated[bool, typer.Option("--all", help="Fetch all pages.")] = False,
        select: Select = None,
        api_url: ApiUrl = None,
        token: Token = None,
        output: TableOutput = None,
    ) -> None:
        from isthmus.cli.remote.resources.crud import list_rows

        raise typer.Exit(
            list_rows(
                group,
                ctx.args,
                limit=limit,
                next_cursor=next_cursor,
                every=every,
                select=select,
                api_url=api_url,
                token=token,
                output=output,
            )
        )

    filters = ", ".join(f"--{_hyphenate(name)}" for name in group.filters)
    required_filter = (
        f" One of {', '.join(f'--{_hyphenate(name)}' for name in group.one_of)} is required."
        if group.one_of
        else ""
    )
    first = group.one_of or group.filters
    example = f" --{_hyphenate(first[0])} VALUE" if first else " --all"
    return _Command(
        command,
        f"List each {group.about} of the token's environment.\n\n"
        f"GET {group.route}. {f'Filters: {filters}.' if filters else 'It has no filters.'}{required_filter} "
        "If there is another page, standard error has `Next page: --next-cursor ...`.\n\n"
        f"Examples:\n\nisthmus {group.name} list{example}\n\n"
        f"isthmus {group.name} list{example if group.one_of else ''} -o id",
    )


def _make_get_command(group: CommandGroup) -> _Command:
    """Makes the `get` command of a group, and its help text."""

    def command(
        id: Id,
        brief: Annotated[bool, typer.Option("--brief", help="Only the columns of the list.")] = False,
        select: Select = None,
        api_url: ApiUrl = None,
        token: Token = None,
        output: TableOutput = None,
    ) -> None:
        from isthmus.cli.remote.resources.crud import get_row

        raise typer.Exit(
            get_row(group, id, brief=brief, select=select, api_url=api_url, token=token, output=output)
        )

    return _Command(
        command,
        f"Show one {group.about}.\n\nGET {group.route}/ID.\n\nExample:\n\nisthmus {group.name} get ID",
    )


def _make_create_command(group: CommandGroup) -> _Command:
    """Makes the `create` command of a group, and its help text."""

    def command(
        ctx: typer.Context,
        body: Body = None,
        stdin: Annotated[
            bool,
            typer.Option("--stdin", help="Read a JSON array, or one JSON object per line; each is a call."),
        ] = False,
        fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failure.")] = False,
        api_url: ApiUrl = None,
        token: Token = None,
        output: TableOutput = None,
    ) -> None:
        from isthmus.cli.remote.resources.crud import create_rows

        raise typer.Exit(
            create_rows(
                group,
                ctx.args,
                body=body,
                stdin=stdin,
                fail_fast=fail_fast,
                api_url=api_url,
                token=token,
                output=output,
            )
        )

    return _Command(
        command,
        f"Create one {group.about}, or several.\n\n"
        f"POST {group.route}. {_describe_fields(group)} Exit 0; 1: refused; 3: not allowed; 5: server "
        "unreachable.\n\n"
        f"Example:\n\nisthmus {group.name} create -b {_quote_example(group.example)}",
    )


def _make_update_command(group: CommandGroup) -> _Command:
    """Makes the `update` command of a group, and its help text."""

    def command(
        ctx: typer.Context,
        id: Id,
        body: Body = None,
        api_url: ApiUrl = None,
        token: Token = None,
        output: TableOutput = None,
    ) -> None:
        from isthmus.cli.remote.resources.crud import update_row

        words = (id, *ctx.args)  # the first word is an option where fields come before the id
        raise typer.Exit(update_row(group, words, body=body, api_url=api_url, token=token, output=output))

    version = " The body needs the `version` that was read." if group.versioned else ""
    example = '{"version": 3, "config": {...}}' if group.versioned else group.example
    return _Command(
        command,
        f"Update one {group.about}.\n\n"
        f"PATCH {group.route}/ID.{version} {_describe_fields(group)} Exit 0; 1: refused; 3: not allowed; "
        "4: not found; 6: changed in the meantime.\n\n"
        f"Example:\n\nisthmus {group.name} update ID -b {_quote_example(example)}",
    )


def _make_delete_command(group: CommandGroup) -> _Command:
    """Makes the `delete` command of a group, and its help text."""

    def command(
        id: Id,
        force: Annotated[bool, typer.Option("-f", "--force", help="Do not ask.")] = False,
        api_url: ApiUrl = None,
        token: Token = None,
    ) -> None:
        from isthmus.cli.remote.resources.crud import delete_row

        raise typer.Exit(delete_row(group, id, force=force, api_url=api_url, token=token))

    return _Command(
        command,
        f"Delete one {group.about}.\n\n"
        f"DELETE {group.route}/ID. Asks first; without a terminal, --force is needed.\n\n"
        f"Example:\n\nisthmus {group.name} delete ID --force",
    )


def _describe_fields(group: CommandGroup) -> str:
    """Returns the sentence of a help text about the fields that are options; empty if there are none."""
    options = ", ".join(f"--{_hyphenate(name)}" for name in group.fields)
    return f"Fields can be given as options: {options}." if options else ""


def _hyphenate(name: str) -> str:
    """Returns the option's name for a field or filter: `integration.name` -> `integration-name`."""
    return name.replace("_", "-").replace(".", "-")


def _quote_example(example: str) -> str:
    """Quotes an example body for a shell, unless it names a file."""
    return example if example.startswith("@") else f"'{example}'"


_OPERATIONS: Final[Mapping[str, _Operation]] = {
    "l": _Operation("list", _make_list_command, has_options=True),
    "g": _Operation("get", _make_get_command, has_options=False),
    "c": _Operation("create", _make_create_command, has_options=True),
    "u": _Operation("update", _make_update_command, has_options=True),
    "d": _Operation("delete", _make_delete_command, has_options=False),
}
