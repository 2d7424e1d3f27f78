"""The form of an active account: the action `post_connect_user_form` of its integration.

The steps before the form run first; choices are fetched with the account's credentials; what is submitted is
merged into the context, and the steps after the form run.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from isthmus.accounts.connections.batch_calls import BatchCalls
from isthmus.accounts.connections.connections import Connection, Connections
from isthmus.accounts.connections.context_store import merge_context
from isthmus.accounts.lifecycle.account_jobs import start_lifecycle
from isthmus.accounts.rows.account_events import emit_account_events
from isthmus.connect.errors import RapidFormFailed, truncate_message
from isthmus.connect.person_messages import describe_form_failure
from isthmus.connect.rapid_form_fields import FieldChoices, FormAnswers, build_field, parse_answers
from isthmus.connect.screens import IntegrationSummary, RapidForm
from isthmus.connect.sessions import Session
from isthmus.db.database import Database
from isthmus.definitions.actions import Action, FormField, FormStep
from isthmus.definitions.credentials import FieldOption
from isthmus.definitions.secrets import PROTECTED_CONTEXT_PATHS
from isthmus.engine.calls import NO_BODY, Call, ListResult
from isthmus.engine.evaluation import evaluate_mapping, make_template_scope
from isthmus.engine.queries import Query
from isthmus.engine.steps import Progress, make_action_runner
from isthmus.errors import IsthmusError
from isthmus.events.catalogue import IntegratedAccountPostConnectFormSubmitted
from isthmus.expressions import UNDEFINED, Expression
from isthmus.kit.ids import new_id

__all__ = ["RapidForms"]

FORM_ACTION: Final = "post_connect_user_form"
_MAX_PAGES: Final = 20
_PAGE_SIZE: Final = 100

log = logging.getLogger("isthmus.connect")


@dataclass(slots=True)
class _OpenForm:
    """A form, after the steps before it have run. `index`: of the form's step."""

    connection: Connection
    action: Action
    index: int
    fields: tuple[FormField, ...]
    progress: Progress


class RapidForms:
    """Builds and stores the own form of an active account; its choices are fetched with the account's
    credentials."""

    def __init__(self, database: Database, connections: Connections) -> None:
        self._database = database
        self._connections = connections

    async def build_form(
        self, session: Session, account_id: str, summary: IntegrationSummary
    ) -> RapidForm | None:
        """Builds the form to show; returns None if the integration has none. Raises RapidFormFailed if its
        steps fail or choices cannot be fetched."""
        form = await self._open_form(session, account_id)
        if form is None:
            return None
        return await self._build_form(session, account_id, summary, form)

    async def fetch_choices(
        self,
        session: Session,
        account_id: str,
        name: str,
        sent: Mapping[str, Sequence[str]],
        cursor: str | None,
    ) -> FieldChoices:
        """Fetches a page of the choices of one field, which may depend on what was chosen so far. `cursor`:
        None for the first page. Raises RapidFormFailed."""
        form = await self._open_form(session, account_id)
        spec = next((spec for spec in form.fields if spec.name == name), None) if form else None
        if form is None or spec is None:
            raise RapidFormFailed("This form has changed. Load the page again.")
        return await self._fetch_choices(form, spec, sent, cursor)

    async def submit(
        self,
        session: Session,
        account_id: str,
        summary: IntegrationSummary,
        sent: Mapping[str, Sequence[str]],
    ) -> RapidForm | None:
        """Stores a submitted form and runs the steps after it. Returns None if it was stored, otherwise the
        form with its errors. Raises RapidFormFailed."""
        form = await self._open_form(session, account_id)
        if form is None:
            return None
        context = form.connection.upstream.context
        options = {
            spec.name: await self._fetch_all_choices(form, spec, sent)
            for spec in form.fields
            if spec.type == "resource_select"
        }
        answers = parse_answers(form.fields, sent, context, options, session.rapid)
        if answers.errors:
            return await self._build_form(
                session, account_id, summary, form, sent=sent, answers=answers, fetched=options
            )
        await self._store_answers(session, account_id, form, answers.values)
        return None

    async def _open_form(self, session: Session, account_id: str) -> _OpenForm | None:
        """Runs the steps before the form; returns the form, or None if the integration has none or its
        `run_if` says no. Raises RapidFormFailed."""
        try:
            connection = await self._connections.open(session.environment_id, account_id, request_id=new_id())
            action = connection.definition.actions.get(FORM_ACTION)
            index = _find_form_step(action)
            if action is None or index is None:
                return None
            runner = make_action_runner(connection.upstream, connection.definition, FORM_ACTION)
            progress = await runner.run(action.steps[:index])
            if not await runner.should_run(action.steps[index], index, progress):
                return None
            fields = await self._read_fields(connection, action.steps[index], index, progress)
        except IsthmusError as failed:
            raise _make_failure(failed) from failed
        return _OpenForm(connection, action, index, fields, progress)

    async def _read_fields(
        self, connection: Connection, step: Any, index: int, progress: Progress
    ) -> tuple[FormField, ...]:
        """Returns the fields of the form's step; evaluates them if they are an expression. Raises
        RapidFormFailed for invalid fields."""
        assert isinstance(step, FormStep)
        if not isinstance(step.config, Expression):
            return step.config
        runner = make_action_runner(connection.upstream, connection.definition, FORM_ACTION)
        names = runner.scope.names(progress, connection.upstream.context)
        value = await evaluate_mapping(
            f"actions.{FORM_ACTION}.steps.{index}.config", step.config, names, runner.scope.bindings(progress)
        )
        specs = value if isinstance(value, list) else [] if value is UNDEFINED or value is None else [value]
        try:
            return tuple(FormField.model_validate(spec) for spec in specs)
        except ValueError as wrong:
            raise RapidFormFailed("The form of this product is not set up correctly.") from wrong

    async def _build_form(
        self,
        session: Session,
        account_id: str,
        summary: IntegrationSummary,
        form: _OpenForm,
        *,
        sent: Mapping[str, Sequence[str]] | None = None,
        answers: FormAnswers | None = None,
        fetched: Mapping[str, FieldChoices] | None = None,
    ) -> RapidForm:
        """Builds the form to show. `sent`: the submitted texts by field. `answers`: the submitted form,
        parsed. `fetched`: choices that were fetched already, by field."""
        context = form.connection.upstream.context
        fields = []
        for spec in form.fields:
            options = (fetched or {}).get(spec.name) or await self._fetch_choices(
                form, spec, sent or {}, None
            )
            fields.append(
                build_field(
                    spec,
                    context,
                    options,
                    session.rapid,
                    sent=None if sent is None else sent.get(spec.name, ()),
                    error=None if answers is None else answers.errors.get(spec.name),
                )
            )
        return RapidForm(summary, account_id, tuple(fields), can_skip=session.rapid is None)

    async def _fetch_choices(
        self, form: _OpenForm, spec: FormField, sent: Mapping[str, Sequence[str]], cursor: str | None
    ) -> FieldChoices:
        """Fetches one page of a field's choices; returns none before the fields that it depends on are filled
        in, and for a field without a resource."""
        if spec.type != "resource_select" or spec.resource is None:
            return FieldChoices()
        context = form.connection.upstream.context
        submitted = {
            name: list(values) if len(values) > 1 else values[0] for name, values in sent.items() if values
        }
        scope = make_template_scope({**context, **submitted}, id=None, query={}, body=NO_BODY)
        scope["form"] = {**{name: context.get(name) for name in spec.depends_on}, **submitted}
        if any(not scope["form"].get(name) for name in spec.depends_on):
            return FieldChoices()
        try:
            nested_query = spec.query.render(scope) if spec.query is not None else {}
            call = Call(
                method=spec.method,
                query=Query(nested=nested_query if isinstance(nested_query, Mapping) else {}),
                limit=_PAGE_SIZE,
                cursor=cursor,
            )
            calls = BatchCalls(self._connections, form.connection, new_id(), can_refuse_names=False)
            result = await calls.call(spec.resource, call, _skip_wait)
            records = result.records if isinstance(result, ListResult) else getattr(result, "body", [])
            more = result.next_cursor if isinstance(result, ListResult) else None
            record_list = records if isinstance(records, list) else [records]
            return FieldChoices(tuple([await _build_option(spec, record) for record in record_list]), more)
        except IsthmusError as failed:
            raise _make_failure(failed) from failed

    async def _fetch_all_choices(
        self, form: _OpenForm, spec: FormField, sent: Mapping[str, Sequence[str]]
    ) -> FieldChoices:
        """Fetches as many pages of choices as it takes to find everything that was chosen, at most
        _MAX_PAGES."""
        chosen = {text for text in sent.get(spec.name, ()) if text}
        options: list[FieldOption] = []
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            page = await self._fetch_choices(form, spec, sent, cursor)
            options += page.choices
            cursor = page.more
            if cursor is None or chosen <= {str(option.value) for option in options}:
                break
        return FieldChoices(tuple(options), cursor)

    async def _store_answers(
        self, session: Session, account_id: str, form: _OpenForm, values: Mapping[str, Any]
    ) -> None:
        """Merges the answers into the account's context, emits the event, and runs the steps after the
        form."""
        additional = _drop_secrets(session.rapid.additional if session.rapid else {})
        connection = form.connection
        patch = {**additional, **values}
        async with self._database.write() as conn:
            await merge_context(conn, connection.account, connection.definition, patch)
            if form.action.revalidate:
                await start_lifecycle(conn, session.environment_id, account_id, stage="validation")
            await emit_account_events(
                conn, session.environment_id, account_id, IntegratedAccountPostConnectFormSubmitted
            )
        await self._run_remaining_steps(session, account_id, form, dict(values))

    async def _run_remaining_steps(
        self, session: Session, account_id: str, form: _OpenForm, submission: dict[str, Any]
    ) -> None:
        """Runs the steps after the form. `submission`: the answers, which the steps see as the result of the
        form's step. Raises RapidFormFailed."""
        remaining_steps = form.action.steps[form.index + 1 :]
        if not remaining_steps:
            return
        step = form.action.steps[form.index]
        form.progress.record(step, form.index, submission)
        try:
            connection = await self._connections.open(session.environment_id, account_id, request_id=new_id())
            runner = make_action_runner(connection.upstream, connection.definition, FORM_ACTION)
            for number, remaining_step in enumerate(remaining_steps, form.index + 1):
                await runner.run_step(remaining_step, number, form.progress)
        except IsthmusError as failed:
            raise _make_failure(failed) from failed


async def _skip_wait() -> None:
    """Counts no request against the server's own rate limit."""


def _find_form_step(action: Action | None) -> int | None:
    """Returns the position of the action's form step; None if there is none."""
    if action is None:
        return None
    return next((index for index, step in enumerate(action.steps) if isinstance(step, FormStep)), None)


async def _build_option(spec: FormField, record: Any) -> FieldOption:
    """Builds an option from a provider's record, with the paths of the field's spec or with `id` and
    `name`."""
    where = f"actions.{FORM_ACTION}.steps.config.{spec.name}"
    root = record if isinstance(record, Mapping) else {"id": record, "name": record}

    async def read(name: str, path: Expression | None, usual: str) -> Any:
        """Evaluates a path of the spec on the record; without a path, returns the field `usual`."""
        return root.get(usual) if path is None else await evaluate_mapping(f"{where}.{name}", path, root)

    value = await read("value_path", spec.value_path, "id")
    label = await read("label_path", spec.label_path, "name")
    shown = value if label is UNDEFINED or label is None else label
    return FieldOption(label=truncate_message(str(shown)), value=None if value is UNDEFINED else value)


def _drop_secrets(context: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the context without the keys under which credentials are stored."""
    protected = {path[0] for path in PROTECTED_CONTEXT_PATHS}
    return {name: value for name, value in context.items() if name not in protected}


def _make_failure(error: IsthmusError) -> RapidFormFailed:
    """Returns the error to raise for one that ends the form, whose own message is logged."""
    log.warning("the form of an account failed: %s", error.message)
    return RapidFormFailed(describe_form_failure(error))
