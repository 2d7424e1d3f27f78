"""An account's own form: its options come from the product, and what may not be changed is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select, update
from tests.fakes.listening import listening
from tests.unit.connect.conftest import Desk

from isthmus.accounts import Accounts
from isthmus.connect.errors import RapidFormFailed
from isthmus.connect.rapid_form import RapidForms
from isthmus.connect.rapid_form_fields import FieldChoices
from isthmus.connect.screens import Field, IntegrationSummary, RapidForm
from isthmus.connect.sessions import RapidOptions, Session, create_session
from isthmus.db.tables import environment, event

DEFINITION = """
name: brightfold
label: Brightfold Desk
sharing: allow
config:
  base_url: "{{url}}"
  credentials: {api_key: {config: {fields: [{name: url}, {name: api_key, type: password}]}}}
  authorization: {format: header, config: {header_name: X-Key, header_value: "{{credentials.api_key}}"}}
  pagination: {format: cursor, config: {cursor_path: next, cursor_param: after, limit_param: size}}
  resources:
    teams: {list: {path: /teams, response_path: items}}
    boards: {list: {path: /boards, response_path: items}}
  actions:
    post_connect_user_form:
      revalidate: true
      steps:
        - {type: request, name: me, config: {path: /me}}
        - type: form
          config:
            - name: team
              type: resource_select
              resource: teams
              multiple: true
              value_path: key
              label_path: title
            - name: board
              type: resource_select
              resource: boards
              depends_on: [team]
              query: {team: "{{form.team}}"}
              store: object
            - {name: since, type: number, required: true, help_text: Days}
            - {name: muted, type: checkbox}
            - name: plan
              type: single_select
              default: a
              options: [{label: A, value: a}, {label: B, value: b}]
        - type: update_context
          config: {expression: "{ 'chosen_by': steps.me.name, 'days': previous.since }"}
    validation: {steps: [{type: request, config: {path: /me}}]}
"""


@dataclass
class Product:
    url: str = ""
    seen: list[str] = field(default_factory=list)
    is_down: bool = False
    missing: str | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(str(request.rel_url))
        if request.path == self.missing:
            return web.json_response({"message": "nothing here"}, status=404)
        if self.is_down:
            return web.json_response({"message": "down"}, status=503)
        if request.path == "/me":
            return web.json_response({"name": "an owner"})
        if request.path == "/boards":
            team = request.query["team"].partition(",")[0]
            return web.json_response({"items": [{"id": f"{team}-1", "name": f"Board of {team}"}]})
        if request.query.get("after"):
            return web.json_response({"items": [{"key": "t3", "title": "Three"}]})
        items = [{"key": "t1", "title": "One"}, {"key": "t2", "title": "Two"}]
        return web.json_response({"items": items, "next": "c2"})


@pytest.fixture
def definition() -> str:
    return DEFINITION


@pytest.fixture
async def product() -> AsyncIterator[Product]:
    fake = Product()
    async with listening(fake.answer) as fake.url:
        yield fake


FACE = IntegrationSummary("brightfold", "Brightfold Desk", None, None)


@dataclass
class Form:
    """The form of one account, on its own."""

    forms: RapidForms
    session: Session
    account_id: str
    desk: Desk

    async def fields(self) -> dict[str, Field]:
        drawn = await self.forms.build_form(self.session, self.account_id, FACE)
        assert drawn is not None
        return {each.name: each for each in drawn.fields}

    async def send(self, **sent: list[str]) -> RapidForm | None:
        return await self.forms.submit(self.session, self.account_id, FACE, sent)

    async def context(self) -> dict[str, Any]:
        (row,) = [each for each in await self.desk.accounts() if each["id"] == self.account_id]
        context: dict[str, Any] = row["context"]
        return context


async def opened(desk: Desk, product: Product, rapid: RapidOptions | None = None, **stored: Any) -> Form:
    context = {"url": product.url, "api_key": "k", **stored}
    async with desk.database.write() as conn:
        row = await Accounts(conn, desk.scope).create(
            {
                "tenant_id": "t",
                "environment_integration_id": desk.install_id,
                "authentication_method": "api_key",
                "context": context,
            }
        )
        session, _ = await create_session(
            conn,
            desk.scope.environment_id,
            link_id=None,
            account_id=row["id"],
            rapid=rapid or RapidOptions(),
        )
    return Form(RapidForms(desk.database, desk.connections), session, row["id"], desk)


def labels(drawn: Field | FieldChoices) -> list[str]:
    return [choice.label for choice in drawn.choices]


def chosen(drawn: Field) -> list[Any]:
    return [choice.value for choice in drawn.choices if choice.is_chosen]


async def test_options_are_the_products_and_go_on_where_there_are_more(desk: Desk, product: Product) -> None:
    form = await opened(desk, product)
    drawn = (await form.fields())["team"]
    assert (labels(drawn), drawn.is_multiple) == (["One", "Two"], True)
    assert drawn.more is not None
    more = await form.forms.fetch_choices(form.session, form.account_id, "team", {}, drawn.more)
    assert [option.label for option in more.choices] == ["Three"]
    assert more.more is None


async def test_options_that_depend_on_a_choice_come_with_it(desk: Desk, product: Product) -> None:
    form = await opened(desk, product)
    assert (await form.fields())["board"].choices == ()
    options = await form.forms.fetch_choices(form.session, form.account_id, "board", {"team": ["t2"]}, None)
    assert [option.label for option in options.choices] == ["Board of t2"]


UNIFIED = (
    DEFINITION.replace("    boards: {", "    tickets: {")
    .replace("resource: boards", "resource: desk/tickets")
    .replace('"{{form.team}}"', '"{{form.team}}", nobodys: "1"')
)


@pytest.mark.parametrize("definition", [UNIFIED])
async def test_a_form_whose_definition_sends_an_unknown_name_is_shown_all_the_same(
    desk: Desk, product: Product
) -> None:
    mapping = {
        "query_mapping": "{ 'team': query.team }",
        "response_mapping": "{ 'id': response.id, 'name': response.name }",
    }
    form = await opened(desk, product)
    async with desk.database.write() as conn:
        await conn.execute(update(environment).values(settings={"unknown_names": "refuse"}))
        override = {"desk": {"tickets": {"list": mapping}}}
        await Accounts(conn, desk.scope).update(form.account_id, {"unified_model_override": override})
    options = await form.forms.fetch_choices(form.session, form.account_id, "board", {"team": ["t2"]}, None)
    assert labels(options) == ["Board of t2"]


@pytest.mark.parametrize(
    "definition", [DEFINITION.replace('"{{form.team}}"', '"{{form.team.0?:the only one}}"')]
)
async def test_one_choice_is_read_as_itself_and_several_as_a_list(desk: Desk, product: Product) -> None:
    form = await opened(desk, product)
    for chosen_teams, read in ((["t2"], "the only one"), (["t2", "t1"], "t2")):
        sent = {"team": chosen_teams}
        options = await form.forms.fetch_choices(form.session, form.account_id, "board", sent, None)
        assert labels(options) == [f"Board of {read}"]


async def test_no_page_of_options_is_fetched_behind_the_last_choice(desk: Desk, product: Product) -> None:
    form = await opened(desk, product)
    assert await form.send(team=["t1", "t2"], since=["1"]) is None
    assert (await form.context())["team"] == ["t1", "t2"]
    assert [path for path in product.seen if "after=" in path] == []


async def test_what_was_chosen_is_kept_and_told_and_the_steps_behind_the_form_run(
    desk: Desk, product: Product
) -> None:
    form = await opened(desk, product)
    left = await form.send(team=["t1", "t3"], board=["t1-1"], since=["30"], muted=["on"], plan=["b"])
    assert left is None
    context = await form.context()
    assert context["team"] == ["t1", "t3"]
    assert (context["since"], context["muted"], context["plan"]) == (30, True, "b")
    assert (context["chosen_by"], context["days"]) == ("an owner", 30)
    told = await desk.told(form.account_id)
    assert told.count("post_connect_form_submitted") == 1
    async with desk.database.read() as conn:
        mine = select(event.c.payload).where(
            event.c.event == "integrated_account:post_connect_form_submitted"
        )
        payload = (await conn.execute(mine)).scalar_one()
        row = await Accounts(conn, desk.scope).get(form.account_id)
    assert payload["status"] == row["status"] == "connecting"  # as it was committed: it is validated again
    assert "updated" not in told


async def test_a_choice_is_kept_with_its_label_where_the_field_says_so(desk: Desk, product: Product) -> None:
    form = await opened(desk, product)
    await form.send(team=["t1"], board=["t1-1"], since=["1"])
    assert (await form.context())["board"] == {"label": "Board of t1", "value": "t1-1"}
    drawn = (await form.fields())["board"]
    assert chosen(drawn) == ["t1-1"]


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"since": [""]}, {"since": "Please fill this in."}),
        ({"since": ["1"], "team": ["t9"]}, {"team": "Please choose from the list."}),
        ({"since": ["1"], "plan": ["c"]}, {"plan": "It must be one of a, b."}),
    ],
)
async def test_what_is_wrong_is_told_and_nothing_is_kept(
    desk: Desk, product: Product, sent: dict[str, list[str]], wrong: dict[str, str]
) -> None:
    form = await opened(desk, product)
    again = await form.send(**sent, muted=["on"])
    assert again is not None
    assert {each.name: each.error for each in again.fields if each.error} == wrong
    assert {each.name: each.value for each in again.fields}["muted"] is True
    assert set(await form.context()) == {"url"}


async def test_chosen_members_that_must_stay_do(desk: Desk, product: Product) -> None:
    rapid = RapidOptions(prevent_deselect={"team": "Ask us to remove it."})
    form = await opened(desk, product, rapid, team=["t1", "gone"])
    drawn = (await form.fields())["team"]
    assert [(choice.value, choice.is_locked) for choice in drawn.choices] == [
        ("gone", True),
        ("t1", True),
        ("t2", False),
    ]
    assert drawn.note == "Ask us to remove it."
    await form.send(team=["t2"], since=["1"])
    assert (await form.context())["team"] == ["t1", "gone", "t2"]


async def test_a_disabled_field_keeps_what_is_stored(desk: Desk, product: Product) -> None:
    rapid = RapidOptions(disabled={"plan": "Set by your administrator."})
    form = await opened(desk, product, rapid, plan="a")
    drawn = (await form.fields())["plan"]
    assert (drawn.is_disabled, drawn.note) == (True, "Set by your administrator.")
    await form.send(plan=["b"], since=["1"])
    assert (await form.context())["plan"] == "a"


async def test_what_the_page_was_given_is_merged_below_the_answers_and_never_a_secret(
    desk: Desk, product: Product
) -> None:
    rapid = RapidOptions(additional={"note": "n", "plan": "zzz", "api_key": "stolen", "oauth": {"token": {}}})
    form = await opened(desk, product, rapid)
    await form.send(since=["1"], plan=["b"])
    context = await form.context()
    assert (context["note"], context["plan"]) == ("n", "b")
    assert "oauth" not in context
    await form.fields()
    assert product.seen[-1].startswith("/teams")


async def test_options_that_cannot_be_fetched_say_why(desk: Desk, product: Product) -> None:
    form = await opened(desk, product)
    product.is_down = True
    with pytest.raises(RapidFormFailed, match="could not be fetched"):
        await form.fields()


@pytest.mark.parametrize(
    "definition", [DEFINITION.replace("- type: form", "- type: form\n          run_if: context.wants_form")]
)
async def test_a_form_is_shown_where_its_condition_says_so(desk: Desk, product: Product) -> None:
    for wants_form in (False, True):
        form = await opened(desk, product, wants_form=wants_form)
        drawn = await form.forms.build_form(form.session, form.account_id, FACE)
        assert (drawn is not None) is wants_form


@pytest.mark.parametrize(
    "definition",
    [
        DEFINITION.replace("resource: teams", "resource: teams\n              method: recent").replace(
            "teams: {", "teams: {recent: {path: /recent, response_path: items}, "
        )
    ],
)
async def test_options_come_by_the_method_that_the_field_names(desk: Desk, product: Product) -> None:
    drawn = (await (await opened(desk, product)).fields())["team"]
    assert labels(drawn) == ["One", "Two"]
    assert product.seen == ["/me", "/recent"]


@pytest.mark.parametrize(
    "definition",
    [
        DEFINITION.replace(
            "config: {path: /me}}\n        - type",
            "ignore_error: true, config: {path: /absent}}\n        - type",
        )
    ],
)
async def test_a_step_before_the_form_may_fail_where_it_says_so(desk: Desk, product: Product) -> None:
    product.missing = "/absent"
    assert set(await (await opened(desk, product)).fields()) >= {"team", "plan"}


@pytest.mark.parametrize("definition", [DEFINITION.partition("  actions:")[0]])
async def test_an_integration_without_a_form_has_none(desk: Desk, product: Product) -> None:
    form = await opened(desk, product)
    assert await form.forms.build_form(form.session, form.account_id, FACE) is None
