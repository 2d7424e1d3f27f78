"""Aliases of a model's list fields, in bodies and filters of unified calls."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.engine.mapped_calls import METHODS
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.api.call_parsing import parse_call
from isthmus.definitions import UnifiedResource, load_mapping
from isthmus.engine import unified
from isthmus.engine.calls import Call
from isthmus.engine.explain.dry_run import DryRun
from isthmus.engine.explain.explanations import CallExplanation, explain_unified
from isthmus.engine.queries import parse_query
from isthmus.engine.unified import UnifiedTarget
from isthmus.engine.unified.aliases import resolve_aliases
from isthmus.engine.unified.mapping_plans import plan_mapping
from isthmus.engine.upstream import AccountFacts
from isthmus.errors import BadRequest

ADDRESS = {"type": "object", "properties": {"city": {"type": "string"}, "zip": {"type": "string"}}}
RECORD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "emails": {
            "type": "array",
            "items": {"type": "object", "properties": {"email": {"type": "string"}}},
        },
        "addresses": {"type": ["array", "null"], "items": ADDRESS},
    },
}
ALIASES = {
    "email": "emails[].email",
    "mail": "emails[].email",
    "address": "addresses[]",
    "city": "addresses[].city",
}
FILTERS = {
    "properties": {
        "emails": {"type": "object", "properties": {"email": {"type": "string"}}},
        "addresses": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
}
BODY = "{'mails': body.emails, 'places': body.addresses}"
QUERY = """(
    $mail := query.emails.email;
    {'mail': $type($mail) = 'string' ? $mail, 'within': $mail.in, 'city': query.addresses.city}
)"""
WRITE = {"resource": "things", "request_body_mapping": BODY}
LIST = {"resource": "things", "query_mapping": QUERY}


def target(**extra: Any) -> UnifiedTarget:
    fields = {"schema": RECORD, "aliases": ALIASES, "query_schema": {"list": FILTERS}, **extra}
    return UnifiedTarget("crm", "contacts", UnifiedResource.model_validate(fields))


async def send(mapping: dict[str, Any], call: Call, of: UnifiedTarget | None = None) -> MemoryUpstream:
    upstream = MemoryUpstream(lambda _: answer({"items": []}))
    await unified.call_method(upstream, integration(METHODS), of or target(), load_mapping(mapping), call)
    return upstream


async def explain(mapping: dict[str, Any], call: Call) -> CallExplanation:
    account = DryRun(AccountFacts("a", "t", "e"), {"api_key": "k"})
    return await explain_unified(account, integration(METHODS), target(), load_mapping(mapping), call)


async def sent_body(
    body: Any, method: str = "create", of: UnifiedTarget | None = None, **mapping: Any
) -> Any:
    call = parse_call(method, id="1" if method == "update" else None, body=body)
    raw = (await send({**WRITE, **mapping}, call, of)).requests[-1].body
    assert raw is None or isinstance(raw, bytes)
    return None if raw is None else json.loads(raw)


async def sent_query(query: str, of: UnifiedTarget | None = None, **mapping: Any) -> str:
    call = parse_call("list", query=parse_query(query))
    url = (await send({**LIST, **mapping}, call, of)).requests[-1].url
    return url.partition("?")[2]


@pytest.mark.parametrize("method", ["create", "update"])
@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({"email": "a"}, {"mails": [{"email": "a"}]}),
        ({"email": None}, {"mails": [{"email": None}]}),
        ({"address": {"city": "c", "zip": "z"}}, {"places": [{"city": "c", "zip": "z"}]}),
        ({"address": None, "email": "a"}, {"mails": [{"email": "a"}], "places": []}),
        ({"address": {"zip": "z"}, "city": "c"}, {"places": [{"zip": "z", "city": "c"}]}),
        ({"email": "a", "mail": "a"}, {"mails": [{"email": "a"}]}),
        ({"email": "a", "emails": None}, {"mails": [{"email": "a"}]}),
        (
            {"email": "b", "emails": [{"email": "a"}, {"email": "b"}]},
            {"mails": [{"email": "a"}, {"email": "b"}]},
        ),
        ({"email": None, "emails": [{"email": "a"}]}, {"mails": [{"email": "a"}]}),
    ],
)
async def test_an_alias_of_a_body_becomes_an_entry_of_its_list(body: Any, sent: Any, method: str) -> None:
    assert await sent_body(body, method) == sent


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"email": "a", "emails": [{"email": "b"}]}, ["body.email", "body.emails"]),
        ({"email": "a", "emails": []}, ["body.email", "body.emails"]),
        ({"email": "a", "emails": "a"}, ["body.email", "body.emails"]),
        ({"email": "a", "mail": "b"}, ["body.email", "body.mail"]),
        ({"address": {"city": "a"}, "city": "b"}, ["body.address", "body.city"]),
        ({"email": ["a"]}, ["body.email"]),
        ({"email": {"email": "a"}}, ["body.email"]),
        ({"address": "a"}, ["body.address"]),
    ],
)
async def test_what_an_alias_cannot_say_is_refused_by_name(body: Any, fields: list[str]) -> None:
    with pytest.raises(BadRequest) as caught:
        await sent_body(body)
    assert [item["path"] for item in caught.value.details["failures"]] == fields
    assert all(field.removeprefix("body.") in caught.value.message for field in fields)


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("email=a", "mail=a"),
        ("email[in]=a,b", "within=a&within=b"),
        ("address[city]=c", "city=c"),
        ("email=a&emails[email]=a", "mail=a"),
        ("email=a&city=c", "mail=a&city=c"),
    ],
)
async def test_an_alias_of_a_filter_becomes_the_filter_of_its_list(query: str, sent: str) -> None:
    assert await sent_query(query) == sent


async def test_filters_that_differ_under_two_names_are_refused() -> None:
    with pytest.raises(BadRequest, match=r"email and emails are the same field"):
        await sent_query("email=a&emails[email]=b")


async def test_a_filter_that_the_model_declares_is_no_alias() -> None:
    declared = {"properties": {**FILTERS["properties"], "email": {"type": "string"}}}
    of = target(query_schema={"list": declared})
    assert await sent_query("email=a", of, query_mapping="{'own': query.email}") == "own=a"


async def test_the_schema_of_a_filter_converts_what_its_alias_says() -> None:
    sized = {"properties": {"emails": {"type": "object", "properties": {"email": {"type": "integer"}}}}}
    of = target(query_schema={"list": sized})
    query = await sent_query("email=007", of, query_mapping="{'mail': query.emails.email}")
    assert query == "mail=7"


async def test_a_required_list_is_given_by_its_alias() -> None:
    schema = {"type": "object", "required": ["emails"]}
    assert await sent_body({"email": "a"}, request_body_schema=schema) == {"mails": [{"email": "a"}]}


@pytest.mark.parametrize(
    "mapping",
    [
        {"request_body_mapping": "{'mail': body.email, 'mails': body.emails}"},
        {"request_body_mapping": "{'mail': $$.body.email, 'mails': body.emails}"},
        {"request_body_mapping": None},
        {"request_body_mapping": "body"},
    ],
)
async def test_a_mapping_that_reads_the_name_itself_gets_it_as_sent(mapping: dict[str, Any]) -> None:
    sent = await sent_body({"email": "a"}, **mapping)
    assert (sent.get("mail") or sent.get("email"), "mails" in sent) == ("a", False)


@pytest.mark.parametrize("read", ["query.email", "$.query.email"])
async def test_a_mapping_that_reads_the_filter_itself_gets_it_as_sent(read: str) -> None:
    mapping = f"{{'own': {read}, 'mail': query.emails.email}}"
    assert await sent_query("email=a", query_mapping=mapping) == "own=a"


async def test_a_path_that_reads_the_filter_as_it_was_sent_gets_it() -> None:
    upstream = await send(
        {**LIST, "path_mapping": "'/of/' & rawQuery.email"}, parse_call("list", query=parse_query("email=a"))
    )
    assert upstream.requests[0].url.partition("?")[0].endswith("/of/a")


async def test_a_step_before_the_call_that_reads_the_name_gets_it_as_sent() -> None:
    step = {"type": "request", "config": {"path": "/seek", "query": {"q": "{{body.email}}"}}}
    upstream = await send({**WRITE, "before": [step]}, parse_call("create", body={"email": "a"}))
    assert upstream.requests[0].url.endswith("/seek?q=a")


async def test_a_field_that_an_override_adds_hides_the_alias_of_its_name() -> None:
    schema = {**RECORD, "properties": {**RECORD["properties"], "email": {"type": "string"}}}
    body = {"email": "a", "address": {"city": "c"}}
    assert await sent_body(body, of=target(schema=schema)) == {"places": [{"city": "c"}]}


async def test_a_body_without_aliases_is_handed_on_as_the_same_object() -> None:
    plan = plan_mapping(load_mapping(WRITE), target(), "create")
    call = parse_call("create", body={"emails": [{"email": "a"}]})
    assert resolve_aliases(plan.aliases, call) == (call, {})
    assert resolve_aliases(plan.aliases, call)[0] is call


async def test_an_explanation_says_what_an_alias_was_read_as() -> None:
    explained = await explain(WRITE, parse_call("create", body={"email": "a"}))

    assert explained.body["aliases"] == {"body.email": "body.emails[].email"}
    assert explained.body["request"]["body"] == {"mails": [{"email": "a"}]}


async def test_an_alias_whose_list_the_mapping_does_not_read_is_named_as_the_models_own() -> None:
    mapping = load_mapping({**WRITE, "request_body_mapping": "{'mails': body.emails}"})
    call = parse_call("create", body={"email": "a", "city": "c", "town": "c"})
    upstream = MemoryUpstream(lambda _: answer({}))
    result = await unified.call_method(upstream, integration(METHODS), target(), mapping, call)
    codes = {warning.field: warning.code for warning in result.warnings}
    assert codes == {"body.city": "unused_name", "body.town": "unknown_name"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"address": {"zipp": "b", "city": "C"}}, ["body.address.zipp"]),
        ({"address": {"zipp": "b"}, "city": "C"}, ["body.address.zipp"]),
        ({"addresses": [{"zipp": "b", "city": "C"}]}, ["body.addresses.0.zipp"]),
        (
            {"address": {"zipp": "b"}, "addresses": [{"zipp": "b", "zip": "1", "city": "C"}]},
            ["body.addresses.0.zipp"],
        ),
    ],
)
async def test_a_name_that_is_not_used_is_told_as_it_was_sent(body: Any, told: list[str]) -> None:
    mapping = {
        **WRITE,
        "request_body_mapping": "{'mail': body.emails.email, 'at': body.addresses.(zip & city)}",
    }

    explanation = await explain(mapping, parse_call("create", body=body))

    assert [each.field for each in explanation.warnings] == told
    assert all(each.message.startswith(f"{each.field} ") for each in explanation.warnings)


async def test_a_filter_that_is_not_used_is_told_as_it_was_sent() -> None:
    mapping = {**LIST, "query_mapping": "{'mail': query.emails.email.in, 'city': query.addresses.city}"}
    call = parse_call("list", query=parse_query("email[on]=1&address[plz]=2"))

    explanation = await explain(mapping, call)

    assert [each.field for each in explanation.warnings] == ["query.email.on", "query.address.plz"]


@pytest.mark.parametrize(
    "written", ["{'kind': 1, 'at': body.addresses.city}", "{'at': body.addresses[zip = '2'].city}"]
)
async def test_a_write_that_is_lost_is_told_as_it_was_sent(written: str) -> None:
    mapping = {**WRITE, "request_body_mapping": written}

    with pytest.raises(BadRequest) as caught:
        await send(mapping, parse_call("create", body={"address": {"zip": "1"}}))

    assert "(address)" in caught.value.message
    assert [each["path"] for each in caught.value.details["failures"]] == ["body.address"]
