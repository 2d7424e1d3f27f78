"""`list`, `get`, `create`, `update` and `delete` of each kind of row (`cli.md` §4).

The work is imported when a command runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Annotated, Any, Final, TypeAlias

import typer
from typer.core import TyperGroup
from typer.main import get_group

from isthmus.cli.remote.options import ApiUrl, Body, TableOutput, Token
from isthmus.cli.remote.resources.command_groups import GROUPS, Group

__all__ = ["PANEL", "Program", "add_to"]

_ANY_OPTION: Final = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Filters and fields are options that come as they are, and are judged by their group."""


PANEL: Final = "Rows of any server"
"""Of the help that lists all groups."""


Click: TypeAlias = Any
"""A context or a command of the copy of click that typer keeps to itself: it publishes no type for them."""


class Program(TyperGroup):
    """Has a group of commands for each kind of row that it does not have anyway, and finds it by its other
    names too."""

    def __init__(self, **options: Any) -> None:  # typer's own, handed on
        super().__init__(**options)
        for group in GROUPS.values():
            if group.name not in self.commands:
                self.commands[group.name] = _Rows(group)

    def get_command(self, ctx: Click, cmd_name: str) -> Click:
        return super().get_command(ctx, _ALIASES.get(cmd_name, cmd_name))


class _Rows(TyperGroup):
    """The commands of one kind of row. They are made when they are looked for: every other command of the
    program starts without them."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._made: dict[str, Click] | None = None
        about = group.about[0].upper() + group.about[1:]
        help_text = f"{about}: {', '.join(_OPERATIONS[letter][0] for letter in group.operations)}."
        super().__init__(name=group.name, help=help_text, no_args_is_help=True, rich_help_panel=PANEL)

    @property
    def commands(self) -> MutableMapping[str, Click]:
        if self._made is None:
            home = typer.Typer()
            add_to(home, self._group)
            self._made = dict(get_group(home).commands)
        return self._made

    @commands.setter
    def commands(self, _: MutableMapping[str, Click]) -> None:
        """What the class above would keep."""


_ALIASES: Final = {alias: group.name for group in GROUPS.values() for alias in group.aliases}

Id = Annotated[str, typer.Argument(help="Its id, or its name where it has one.")]
Select = Annotated[str | None, typer.Option(help="Only these fields, a,b.c.", metavar="FIELDS")]


def add_to(home: typer.Typer, group: Group) -> None:
    """The commands of one kind of row."""
    for letter in group.operations:
        name, make, has_options = _OPERATIONS[letter]
        command, text = make(group)
        home.command(name, help=text, context_settings=_ANY_OPTION if has_options else None)(command)


def _list(group: Group) -> tuple[Callable[..., None], str]:
    def command(
        ctx: typer.Context,
        limit: Annotated[int, typer.Option(help="Rows of a page.", min=1, max=1000)] = 25,
        next_cursor: Annotated[str | None, typer.Option(help="Go on behind an earlier page.")] = None,
        every: Annotated[bool, typer.Option("--all", help="Every page, not only one.")] = False,
        select: Select = None,
        api_url: ApiUrl = None,
        token: Token = None,
        output: TableOutput = None,
    ) -> None:
        from isthmus.cli.remote.resources.crud import list_rows as work

        raise typer.Exit(
            work(
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

    filters = ", ".join(f"--{_hyphened(name)}" for name in group.filters)
    needed = (
        f" One of {', '.join(f'--{_hyphened(name)}' for name in group.one_of)} is needed."
        if group.one_of
        else ""
    )
    first = group.one_of or group.filters
    example = f" --{_hyphened(first[0])} VALUE" if first else " --all"
    return command, (
        f"List each {group.about} that the token's environment has.\n\n"
        f"GET {group.route}. {f'Filters: {filters}.' if filters else 'It has no filters.'}{needed} After a "
        "page with more behind it, standard error has `Next page: --next-cursor ...`.\n\n"
        f"Examples:\n\nisthmus {group.name} list{example}\n\n"
        f"isthmus {group.name} list{example if group.one_of else ''} -o id"
    )


def _get(group: Group) -> tuple[Callable[..., None], str]:
    def command(
        id: Id,
        brief: Annotated[bool, typer.Option("--brief", help="Only the columns of the list.")] = False,
        select: Select = None,
        api_url: ApiUrl = None,
        token: Token = None,
        output: TableOutput = None,
    ) -> None:
        from isthmus.cli.remote.resources.crud import get_row as work

        raise typer.Exit(
            work(group, id, brief=brief, select=select, api_url=api_url, token=token, output=output)
        )

    return (
        command,
        f"Show one {group.about}.\n\nGET {group.route}/ID.\n\nExample:\n\nisthmus {group.name} get ID",
    )


def _create(group: Group) -> tuple[Callable[..., None], str]:
    def command(
        ctx: typer.Context,
        body: Body = None,
        stdin: Annotated[
            bool, typer.Option("--stdin", help="Read a JSON array, or a JSON object a line: a call for each.")
        ] = False,
        fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first that fails.")] = False,
        api_url: ApiUrl = None,
        token: Token = None,
        output: TableOutput = None,
    ) -> None:
        from isthmus.cli.remote.resources.crud import create_rows as work

        raise typer.Exit(
            work(
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

    return command, (
        f"Make one {group.about}, or several.\n\n"
        f"POST {group.route}. {_fields(group)} Exit 0; 1: refused; 3: not allowed; 5: server away.\n\n"
        f"Example:\n\nisthmus {group.name} create -b {_quoted(group.example)}"
    )


def _update(group: Group) -> tuple[Callable[..., None], str]:
    def command(
        ctx: typer.Context,
        id: Id,
        body: Body = None,
        api_url: ApiUrl = None,
        token: Token = None,
        output: TableOutput = None,
    ) -> None:
        from isthmus.cli.remote.resources.crud import update_row as work

        words = (id, *ctx.args)  # the first word, which is an option where fields stand before the id
        raise typer.Exit(work(group, words, body=body, api_url=api_url, token=token, output=output))

    version = " The body needs the `version` that was read." if group.versioned else ""
    example = '{"version": 3, "config": {...}}' if group.versioned else group.example
    return command, (
        f"Change one {group.about}.\n\n"
        f"PATCH {group.route}/ID.{version} {_fields(group)} Exit 0; 1: refused; 3: not allowed; 4: not "
        "there; 6: changed meanwhile.\n\n"
        f"Example:\n\nisthmus {group.name} update ID -b {_quoted(example)}"
    )


def _delete(group: Group) -> tuple[Callable[..., None], str]:
    def command(
        id: Id,
        force: Annotated[bool, typer.Option("-f", "--force", help="Do not ask.")] = False,
        api_url: ApiUrl = None,
        token: Token = None,
    ) -> None:
        from isthmus.cli.remote.resources.crud import delete_row as work

        raise typer.Exit(work(group, id, force=force, api_url=api_url, token=token))

    return command, (
        f"Delete one {group.about}.\n\n"
        f"DELETE {group.route}/ID. Asks first; without a terminal, --force is needed.\n\n"
        f"Example:\n\nisthmus {group.name} delete ID --force"
    )


def _fields(group: Group) -> str:
    options = ", ".join(f"--{_hyphened(name)}" for name in group.fields)
    return f"Fields can be options: {options}." if options else ""


def _hyphened(name: str) -> str:
    return name.replace("_", "-").replace(".", "-")


def _quoted(example: str) -> str:
    return example if example.startswith("@") else f"'{example}'"


_OPERATIONS: Final[Mapping[str, tuple[str, Callable[[Group], tuple[Callable[..., None], str]], bool]]] = {
    "l": ("list", _list, True),
    "g": ("get", _get, False),
    "c": ("create", _create, True),
    "u": ("update", _update, True),
    "d": ("delete", _delete, False),
}
