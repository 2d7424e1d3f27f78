"""Implements `isthmus integrations record`: records a real account's answers as redacted exchanges."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import typer

from isthmus.accounts.connections.explained_account import find_environment
from isthmus.accounts.rows.context import list_secret_fields
from isthmus.app import open_core_for_command
from isthmus.authoring.contract.catalog_entry import CatalogEntry, Models, ProxyMethodName, read_entry
from isthmus.authoring.recording.example_files import FileChange, plan_changes, write_changes
from isthmus.authoring.recording.record_ids import IdFields
from isthmus.authoring.recording.recorder import Recorder, Recording, list_read_methods
from isthmus.authoring.recording.redaction import Redaction, list_secret_forms
from isthmus.cli.authoring.integration_folders import find_folder, list_model_folders
from isthmus.config import Settings
from isthmus.db import get_server_secret
from isthmus.definitions.body_path import BodyPath, is_dotted
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.load import load_integration
from isthmus.definitions.secrets import split_context
from isthmus.errors import AccountError, IsthmusError, NotFound, SetupError, UpstreamError

__all__ = ["record"]

_NOT_ALLOWED: Final = 3
_NOT_FOUND: Final = 4
_UNREACHABLE: Final = 5


def record(
    name: str,
    *,
    account: str,
    methods: Sequence[str],
    query: Sequence[str],
    limit: int,
    pages: int,
    keep: Sequence[str],
    redact: Sequence[str],
    id_fields: Sequence[str],
    dry_run: bool,
    output: str,
) -> int:
    """Records methods of an account into the example files of an integration. Returns the exit code: 0 if
    each method was recorded, 1 if one was not, 2 for a bad request, 3 for refused credentials, 4 for an
    unknown account, 5 if the provider cannot be reached.

    `methods`: empty for all that read. `query`: `name=value` texts. `limit`: records of a page. `pages`: of a
    list, at most. `keep`, `redact`: dotted paths. `id_fields`: `field` or `resource=field` texts.
    """
    try:
        folder = find_folder(name)
        entry = read_entry(folder, Models(*list_model_folders(folder)))
        config = load_integration(entry.definition.get("config") or {}, source=f"{folder}/integration.yaml")
        chosen = [_parse_method(text) for text in methods] or list_read_methods(config)
        parameters = dict(_parse_parameter(text) for text in query)
        ids = _parse_id_fields(id_fields, config)
        recorded = asyncio.run(
            _record_account(
                entry,
                config,
                account,
                chosen,
                parameters,
                ids,
                limit=limit,
                pages=pages,
                keep=keep,
                redact=redact,
            )
        )
        recordings, changes = recorded
        if not dry_run:
            write_changes(changes)
    except IsthmusError as error:
        typer.echo(f"isthmus: {error.message}", err=True)
        return _get_exit_code(error)
    if output == "json":
        typer.echo(json.dumps(_build_report(recordings, changes), indent=2))
    else:
        _print_outcome(recordings, changes, dry_run=dry_run)
    return 1 if any(text.skipped for text in recordings) or not changes else 0


async def _record_account(
    entry: CatalogEntry,
    config: IntegrationConfig,
    account: str,
    methods: Sequence[ProxyMethodName],
    query: Mapping[str, str],
    id_fields: IdFields,
    *,
    limit: int,
    pages: int,
    keep: Sequence[str],
    redact: Sequence[str],
) -> tuple[list[Recording], list[FileChange]]:
    """Calls the methods by the folder's definition, with the credentials and variables of the account.

    Returns the recordings and the planned changes of files.
    """
    async with open_core_for_command(Settings.from_environment()) as core:
        async with core.database.read() as conn:
            environment_id, is_account = await find_environment(conn, account)
        if not is_account:
            raise NotFound(f"no integrated account has the id {account}: it is that of an install.")
        connection = await core.connections.open(environment_id, account, request_id="record")
        if connection.integration_name != entry.name:
            raise SetupError(
                f"the account {account} is one of {connection.integration_name}, and the folder is that of "
                f"{entry.name}."
            )
        if connection.account.is_sandbox:
            raise SetupError(
                f"{account} is a sandbox account: it answers from examples, and has none to give."
            )
        stored = connection.definition
        config = config.model_copy(
            update={
                "environment_variables": stored.environment_variables,
                "secret_environment_variables": stored.secret_environment_variables,
            }
        )
        upstream = connection.upstream
        recorder = Recorder(
            upstream,
            entry,
            config,
            limit=limit,
            pages=pages,
            query=query,
            id_fields=id_fields,
            report_wait=_print_wait,
        )
        await recorder.record_methods(methods)
        key = await get_server_secret(core.database, "recordings")
        redaction = Redaction(
            hmac.digest(key, account.encode(), "sha256"),
            list_secret_forms(list(_iter_secrets(stored, upstream.context))),
            hosts=recorder.hosts,
            host=f"{entry.name}.example",
            keep_patterns=keep,
            redact_patterns=redact,
        )
    recordings = await recorder.build_recordings(redaction)
    return recordings, plan_changes(entry.directory, recordings, redaction.contains_secret)


def _iter_secrets(config: IntegrationConfig, context: Mapping[str, Any]) -> Iterator[str]:
    """Yields all secrets of the account and the definition, and the user names that belong to passwords."""
    _, secrets = split_context(context, list_secret_fields(config))
    yield from _iter_texts(secrets)
    yield from (value.reveal() for value in config.secret_environment_variables.values())
    yield from (str(context[name]) for name in ("username", "client_id") if context.get(name))


def _iter_texts(value: Any) -> Iterator[str]:
    """Yields texts and integers inside a JSON value, as texts."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _iter_texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _iter_texts(item)
    elif isinstance(value, str | int):
        yield str(value)


def _parse_method(text: str) -> ProxyMethodName:
    """Returns resource and method of `<resource>.list` or `<resource>.get`. Raises SetupError for other
    texts."""
    resource, dot, method = text.rpartition(".")
    if not dot or not resource or method not in ("list", "get"):
        raise SetupError(f"--method {text} is no read method: write <resource>.list or <resource>.get.")
    return resource, method


def _parse_parameter(text: str) -> tuple[str, str]:
    """Returns name and value of `<name>=<value>`. Raises SetupError for other texts."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SetupError(f"--query {text} is no parameter: write <name>=<value>.")
    return name, value


def _parse_id_fields(texts: Sequence[str], config: IntegrationConfig) -> IdFields:
    """Returns what `<field>` and `<resource>=<field>` texts say. Raises SetupError for other texts."""
    by_resource: dict[str, BodyPath] = {}
    other: BodyPath | None = None
    for text in texts:
        resource, equals, path = text.rpartition("=")
        if not is_dotted(path) or (equals and resource not in config.resources):
            raise SetupError(
                f"--id-field {text} names no field: write <field> or <resource>=<field>, the field dotted."
            )
        if equals:
            by_resource[resource] = BodyPath(path)
        else:
            other = BodyPath(path)
    return IdFields(by_resource, other)


def _print_wait(method: str, seconds: int) -> None:
    """Prints that a method waits for the provider's rate limit."""
    typer.echo(f"{method}: waits {seconds} seconds, as the provider's rate limit asks", err=True)


def _get_exit_code(error: IsthmusError) -> int:
    """Returns the exit code of an error, by its class."""
    for kind, code in ((AccountError, _NOT_ALLOWED), (NotFound, _NOT_FOUND), (UpstreamError, _UNREACHABLE)):
        if isinstance(error, kind):
            return code
    return 2


def _build_report(recordings: Sequence[Recording], changes: Sequence[FileChange]) -> dict[str, Any]:
    """Builds the JSON output: the changed files, and the methods that were skipped."""
    return {
        "files": [item.as_json() for item in changes],
        "skipped": [{"method": item.name, "reason": item.skipped} for item in recordings if item.skipped],
    }


def _print_outcome(recordings: Sequence[Recording], changes: Sequence[FileChange], *, dry_run: bool) -> None:
    """Prints the changed files on standard output; the methods that were skipped, and a warning, on standard
    error."""
    for change in changes:
        counts = ", ".join(
            f"{count} {action}"
            for count, action in (
                (change.added, "added"),
                (change.changed, "changed"),
                (change.removed, "removed"),
            )
            if count
        )
        typer.echo(f"{change.path}: {change.status}{f': {counts}' if counts else ''}")
    for recording in recordings:
        if recording.skipped:
            typer.echo(f"{recording.name}: not recorded: {recording.skipped}", err=True)
    if dry_run:
        typer.echo("Nothing was written (--dry-run).", err=True)
    elif any(change.status != "unchanged" for change in changes):
        typer.echo("Read them before you give them away: no rule knows every secret.", err=True)
