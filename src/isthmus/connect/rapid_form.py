"""An account's own form, after it is active (`connect.md` §7): the action `post_connect_user_form`.

Its steps run up to the form; the options of its lists are fetched as the account would fetch them; what is
sent is merged into the context, and the steps after the form run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from isthmus.accounts.connections.batch_calls import BatchCalls
from isthmus.accounts.connections.connections import Connection, Connections
from isthmus.accounts.connections.context_store import merge_context
from isthmus.accounts.lifecycle.account_jobs import start_lifecycle
from isthmus.accounts.rows.account_events import emit_account_events
from isthmus.connect.errors import RapidFormFailed, capped
from isthmus.connect.rapid_form_fields import Answers, Options, answers, draw_field
from isthmus.connect.screens import Offered, RapidForm
from isthmus.connect.sessions import Session
from isthmus.db.database import Database
from isthmus.definitions.actions import Action, FormField, FormStep
from isthmus.definitions.credentials import FieldOption
from isthmus.definitions.secrets import PROTECTED_CONTEXT_PATHS
from isthmus.engine.calls import NO_BODY, Call, ListResult
from isthmus.engine.evaluation import evaluate_mapping, make_template_scope
from isthmus.engine.queries import Query
from isthmus.engine.steps import Progress, make_action_runner
from isthmus.errors import AccountError, IsthmusError, UpstreamError
from isthmus.events.catalogue import IntegratedAccountPostConnectFormSubmitted
from isthmus.expressions import UNDEFINED, Expression
from isthmus.kit.ids import new_id

__all__ = ["AccountForms"]

ACTION: Final = "post_connect_user_form"
_MOST_PAGES: Final = 20
_PAGE: Final = 100


@dataclass(slots=True)
class _Opened:
    """A form whose steps have run up to it. `index`: of its step."""

    connection: Connection
    action: Action
    index: int
    fields: tuple[FormField, ...]
    progress: Progress


class AccountForms:
    """One for the process."""

    def __init__(self, database: Database, connections: Connections) -> None:
        self._database = database
        self._connections = connections

    async def draw(self, session: Session, account_id: str, face: Offered) -> RapidForm | None:
        """None where its integration has no form. Raises RapidFormFailed where options cannot be fetched."""
        opened = await self._open(session, account_id)
        if opened is None:
            return None
        return await self._drawn(session, account_id, face, opened)

    async def options(
        self,
        session: Session,
        account_id: str,
        name: str,
        sent: Mapping[str, Sequence[str]],
        cursor: str | None,
    ) -> Options:
        """The options of one field, by what is chosen so far; the next ones after `cursor`."""
        opened = await self._open(session, account_id)
        spec = next((each for each in opened.fields if each.name == name), None) if opened else None
        if opened is None or spec is None:
            raise RapidFormFailed("This form has changed. Load the page again.")
        return await self._fetch(opened, spec, sent, cursor)

    async def submit(
        self, session: Session, account_id: str, face: Offered, sent: Mapping[str, Sequence[str]]
    ) -> RapidForm | None:
        """The form with what is wrong; None when it is kept."""
        opened = await self._open(session, account_id)
        if opened is None:
            return None
        context = opened.connection.upstream.context
        options = {
            each.name: await self._all_options(opened, each, sent)
            for each in opened.fields
            if each.type == "resource_select"
        }
        found = answers(opened.fields, sent, context, options, session.rapid)
        if found.errors:
            return await self._drawn(session, account_id, face, opened, sent=sent, found=found, known=options)
        await self._keep(session, account_id, opened, found.values)
        return None

    async def _open(self, session: Session, account_id: str) -> _Opened | None:
        try:
            connection = await self._connections.open(session.environment_id, account_id, request_id=new_id())
            action = connection.definition.actions.get(ACTION)
            index = _form_index(action)
            if action is None or index is None:
                return None
            runner = make_action_runner(connection.upstream, connection.definition, ACTION)
            progress = await runner.run(action.steps[:index])
            if not await runner.wants(action.steps[index], index, progress):
                return None
            fields = await self._fields(connection, action.steps[index], index, progress)
        except IsthmusError as failed:
            raise RapidFormFailed(_cause(failed)) from failed
        return _Opened(connection, action, index, fields, progress)

    async def _fields(
        self, connection: Connection, step: Any, index: int, progress: Progress
    ) -> tuple[FormField, ...]:
        assert isinstance(step, FormStep)
        if not isinstance(step.config, Expression):
            return step.config
        runner = make_action_runner(connection.upstream, connection.definition, ACTION)
        names = runner.scope.names(progress, connection.upstream.context)
        found = await evaluate_mapping(
            f"actions.{ACTION}.steps.{index}.config", step.config, names, runner.scope.bindings(progress)
        )
        many = found if isinstance(found, list) else [] if found is UNDEFINED or found is None else [found]
        try:
            return tuple(FormField.model_validate(each) for each in many)
        except ValueError as wrong:
            raise RapidFormFailed("The form of this product is not set up correctly.") from wrong

    async def _drawn(
        self,
        session: Session,
        account_id: str,
        face: Offered,
        opened: _Opened,
        *,
        sent: Mapping[str, Sequence[str]] | None = None,
        found: Answers | None = None,
        known: Mapping[str, Options] | None = None,
    ) -> RapidForm:
        """`known`: options that were fetched already, by field."""
        context = opened.connection.upstream.context
        drawn = []
        for spec in opened.fields:
            options = (known or {}).get(spec.name) or await self._fetch(opened, spec, sent or {}, None)
            drawn.append(
                draw_field(
                    spec,
                    context,
                    options,
                    session.rapid,
                    sent=None if sent is None else sent.get(spec.name, ()),
                    error=None if found is None else found.errors.get(spec.name),
                )
            )
        return RapidForm(face, account_id, tuple(drawn), can_skip=session.rapid is None)

    async def _fetch(
        self, opened: _Opened, spec: FormField, sent: Mapping[str, Sequence[str]], cursor: str | None
    ) -> Options:
        """One page; none before the fields that it depends on are filled in."""
        if spec.type != "resource_select" or spec.resource is None:
            return Options()
        context = opened.connection.upstream.context
        form = {
            name: list(values) if len(values) > 1 else values[0] for name, values in sent.items() if values
        }
        scope = make_template_scope({**context, **form}, id=None, query={}, body=NO_BODY)
        scope["form"] = {**{name: context.get(name) for name in spec.depends_on}, **form}
        if any(not scope["form"].get(name) for name in spec.depends_on):
            return Options()
        try:
            wanted = spec.query.render(scope) if spec.query is not None else {}
            call = Call(
                method=spec.method,
                query=Query(nested=wanted if isinstance(wanted, Mapping) else {}),
                limit=_PAGE,
                cursor=cursor,
            )
            calls = BatchCalls(self._connections, opened.connection, new_id())
            result = await calls.call(spec.resource, call, _at_once)
            records = result.records if isinstance(result, ListResult) else getattr(result, "body", [])
            more = result.next_cursor if isinstance(result, ListResult) else None
            many = records if isinstance(records, list) else [records]
            return Options(tuple([await _option(spec, each) for each in many]), more)
        except IsthmusError as failed:
            raise RapidFormFailed(_cause(failed)) from failed

    async def _all_options(
        self, opened: _Opened, spec: FormField, sent: Mapping[str, Sequence[str]]
    ) -> Options:
        """Pages until everything that was chosen is among them."""
        wanted = {text for text in sent.get(spec.name, ()) if text}
        found: list[FieldOption] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self._fetch(opened, spec, sent, cursor)
            found += page.choices
            cursor = page.more
            if cursor is None or wanted <= {str(option.value) for option in found}:
                break
        return Options(tuple(found), cursor)

    async def _keep(
        self, session: Session, account_id: str, opened: _Opened, values: Mapping[str, Any]
    ) -> None:
        additional = _without_secrets(session.rapid.additional if session.rapid else {})
        connection = opened.connection
        patch = {**additional, **values}
        async with self._database.write() as conn:
            await merge_context(conn, connection.account, connection.definition, patch)
            if opened.action.revalidate:
                await start_lifecycle(conn, session.environment_id, account_id, stage="validation")
            await emit_account_events(
                conn, session.environment_id, account_id, IntegratedAccountPostConnectFormSubmitted
            )
        await self._run_rest(session, account_id, opened, dict(values))

    async def _run_rest(
        self, session: Session, account_id: str, opened: _Opened, submission: dict[str, Any]
    ) -> None:
        rest = opened.action.steps[opened.index + 1 :]
        if not rest:
            return
        step = opened.action.steps[opened.index]
        opened.progress.took(step, opened.index, submission)
        try:
            connection = await self._connections.open(session.environment_id, account_id, request_id=new_id())
            runner = make_action_runner(connection.upstream, connection.definition, ACTION)
            for number, each in enumerate(rest, opened.index + 1):
                await runner.attempt(each, number, opened.progress)
        except IsthmusError as failed:
            raise RapidFormFailed(_cause(failed)) from failed


async def _at_once() -> None:
    """Nothing holds these calls up but the account's own pace."""


def _form_index(action: Action | None) -> int | None:
    if action is None:
        return None
    return next((index for index, step in enumerate(action.steps) if isinstance(step, FormStep)), None)


async def _option(spec: FormField, record: Any) -> FieldOption:
    where = f"actions.{ACTION}.steps.config.{spec.name}"
    root = record if isinstance(record, Mapping) else {"id": record, "name": record}

    async def read(name: str, path: Expression | None, usual: str) -> Any:
        return root.get(usual) if path is None else await evaluate_mapping(f"{where}.{name}", path, root)

    value = await read("value_path", spec.value_path, "id")
    label = await read("label_path", spec.label_path, "name")
    shown = value if label is UNDEFINED or label is None else label
    return FieldOption(label=capped(str(shown)), value=None if value is UNDEFINED else value)


def _without_secrets(context: Mapping[str, Any]) -> dict[str, Any]:
    protected = {path[0] for path in PROTECTED_CONTEXT_PATHS}
    return {name: value for name, value in context.items() if name not in protected}


def _cause(failed: IsthmusError) -> str:
    match failed:
        case AccountError():
            return "The connection has to be renewed before its settings can be changed."
        case UpstreamError():
            return f"The choices could not be fetched: {failed.message}"
        case _:
            return f"The form could not be shown: {failed.message}"
