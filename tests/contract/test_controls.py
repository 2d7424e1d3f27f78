"""Each check finds the fault it is there for: a planted one in a copy of a catalogue entry."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from isthmus.authoring.contract import checks
from isthmus.authoring.contract.lost_values_check import check_lost_values
from isthmus.authoring.contract.missing_values_check import check_missing_values
from isthmus.authoring.contract.validation_check import check_validation
from isthmus.errors import IsthmusError
from tests.contract.catalog import CatalogEntry, entry

Check = Callable[[CatalogEntry], list[str] | Awaitable[list[str]]]
Plant = Callable[[CatalogEntry], None]

HELPDESK, CRM, TRACKER, DIRECTORY, USERS = "zendesk", "hubspot", "github", "slack", "okta"


def _cell(copy: CatalogEntry, model: str, resource: str, method: str) -> dict[str, Any]:
    for cell in copy.mappings[model]["cells"]:
        if (cell["resource_name"], cell["method_name"]) == (resource, method):
            config: dict[str, Any] = cell["config"]
            return config
    raise LookupError(f"{model}/{resource}.{method}")


def _replace(copy: CatalogEntry, model: str, resource: str, method: str, old: str, new: str) -> None:
    config = _cell(copy, model, resource, method)
    assert old in config["response_mapping"]
    config["response_mapping"] = config["response_mapping"].replace(old, new)


def a_header_name_that_subtracts(copy: CatalogEntry) -> None:
    copy.definition["config"]["rate_limit"]["retry_after_header_expression"] = "headers.retry-after"


def a_path_with_an_undeclared_variable(copy: CatalogEntry) -> None:
    copy.definition["config"]["base_url"] = "https://{{sub_domain}}.zendesk.com"


def a_form_in_the_middle_of_a_call(copy: CatalogEntry) -> None:
    _cell(copy, "ticketing", "tags", "list")["before"] = [{"type": "form", "config": [{"name": "a"}]}]


def a_mapping_to_a_method_that_is_not_there(copy: CatalogEntry) -> None:
    _cell(copy, "ticketing", "tags", "list")["resource"] = "labels"


def an_example_of_no_method(copy: CatalogEntry) -> None:
    copy.exchanges_data["views.list"] = copy.exchanges_data["tags.list"]


def a_tool_without_an_answer(copy: CatalogEntry) -> None:
    del copy.exchanges_data["users.activate"]


def a_write_without_a_body_schema(copy: CatalogEntry) -> None:
    del copy.definition["config"]["resources"]["tickets"]["create"]["body_schema"]


def one_page_only(copy: CatalogEntry) -> None:
    del copy.exchanges_data["tags.list"][1:]


def no_error(copy: CatalogEntry) -> None:
    copy.exchanges_data["tags.list"] = [
        item for item in copy.exchanges_data["tags.list"] if item["response"]["status"] < 400
    ]


def an_id_that_is_a_number(copy: CatalogEntry) -> None:
    _replace(copy, "ticketing", "tickets", "list", '"id": $string(response.id)', '"id": response.id')


def a_date_that_is_none(copy: CatalogEntry) -> None:
    _replace(copy, "ticketing", "tickets", "get", "$time(response.created_at)", '"yesterday"')


def an_expression_that_fails(copy: CatalogEntry) -> None:
    _replace(copy, "ticketing", "tickets", "get", "$time(response.created_at)", "$number(response.subject)")


def a_failure_that_nothing_tells(copy: CatalogEntry) -> None:
    """Its answers are all 200: only the expression knows which of them are errors."""
    del copy.definition["config"]["error_expression"]


def a_cursor_that_comes_again(copy: CatalogEntry) -> None:
    first, second, *others = copy.exchanges_data["tags.list"]
    again = second["request"]["query"]["page[after]"]
    third = {**second, "request": {"query": {"page[after]": "third"}}}
    third["response"] = {**second["response"], "body": {"tags": [], "meta": _more(again)}}
    second["response"]["body"]["meta"] = _more("third")
    copy.exchanges_data["tags.list"] = [first, second, third, *others]


def _more(cursor: str) -> dict[str, Any]:
    return {"has_more": True, "after_cursor": cursor}


def a_cursor_that_is_not_found(copy: CatalogEntry) -> None:
    copy.definition["config"]["pagination"]["config"]["cursor_path"] = "meta.next_cursor"


def a_cursor_that_is_sent_under_another_name(copy: CatalogEntry) -> None:
    copy.definition["config"]["pagination"]["config"]["cursor_param"] = "cursor"


def a_record_on_two_pages(copy: CatalogEntry) -> None:
    first, second = (item["response"]["body"]["tags"] for item in copy.exchanges_data["tags.list"][:2])
    second.append(first[0])


def a_listed_record_that_cannot_be_got(copy: CatalogEntry) -> None:
    del copy.exchanges_data["tickets.get"][0]


def a_record_got_under_another_id(copy: CatalogEntry) -> None:
    copy.exchanges_data["tickets.get"][0]["response"]["body"]["ticket"]["id"] = 9


def an_error_under_another_status(copy: CatalogEntry) -> None:
    copy.definition["config"]["error_expression"] = "status >= 400 ? { 'status': 503 }"


def a_sourced_field_that_is_dropped(copy: CatalogEntry) -> None:
    for method in ("list", "get", "create", "update"):
        _replace(copy, "ticketing", "tickets", method, '"name": response.subject', '"nome": response.subject')


def a_reason_for_a_field_that_is_filled(copy: CatalogEntry) -> None:
    copy.mappings["ticketing"]["unmapped"]["tickets"]["fields"]["name"] = "Zendesk has none."


def a_reason_that_says_nothing(copy: CatalogEntry) -> None:
    copy.mappings["ticketing"]["unmapped"]["comments"]["fields"]["receiver"] = " "


def a_value_that_is_dropped(copy: CatalogEntry) -> None:
    for method in ("list", "get"):
        _replace(copy, "crm", "contacts", method, "$p.mobilephone ? {", "false ? {")


def a_reason_for_a_value_that_no_answer_has(copy: CatalogEntry) -> None:
    copy.mappings["crm"]["unmapped"]["contacts"]["remote"]["properties.shoe_size"] = "No place for it."


def a_null_that_is_not_expected(copy: CatalogEntry) -> None:
    guarded = "response.status ? $lookup($states, $string(response.status))"
    _replace(copy, "ticketing", "tickets", "get", guarded, "$lookup($states, response.status)")


def a_write_that_fails_on_what_was_read(copy: CatalogEntry) -> None:
    _cell(copy, "ticketing", "tickets", "update")["request_body_mapping"] = "{ 'n': $number(body.name) }"


def a_write_that_sends_nothing(copy: CatalogEntry) -> None:
    _cell(copy, "ticketing", "tickets", "update")["request_body_mapping"] = "{ 'title': body.title }"


def no_validation(copy: CatalogEntry) -> None:
    del copy.definition["config"]["actions"]["validation"]


def a_validation_that_asks_nobody(copy: CatalogEntry) -> None:
    for step in copy.definition["config"]["actions"]["validation"]["steps"]:
        step["run_if"] = "false"


def a_validation_that_ignores_a_refusal(copy: CatalogEntry) -> None:
    request = copy.definition["config"]["actions"]["validation"]["steps"][0]
    step = {"type": "transform", "config": "true"}
    copy.definition["config"]["actions"]["validation"]["steps"] = [{**request, "ignore_error": True}, step]


CONTROLS: list[tuple[Check, str, Plant, str]] = [
    (checks.check_lint, HELPDESK, a_header_name_that_subtracts, "headers.retry-after subtracts"),
    (checks.check_lint, HELPDESK, a_path_with_an_undeclared_variable, "sub_domain"),
    (checks.check_lint, HELPDESK, a_write_without_a_body_schema, "names no field of it"),
    (checks.check_support, HELPDESK, a_form_in_the_middle_of_a_call, "before"),
    (checks.check_references, HELPDESK, a_mapping_to_a_method_that_is_not_there, "calls labels.list"),
    (checks.check_references, HELPDESK, an_example_of_no_method, "views.list"),
    (checks.check_example_coverage, USERS, a_tool_without_an_answer, "users.activate is a tool"),
    (checks.check_example_coverage, HELPDESK, one_page_only, "has 1 answers, not 2"),
    (checks.check_example_coverage, HELPDESK, no_error, "no example of an error"),
    (checks.check_example_coverage, DIRECTORY, a_failure_that_nothing_tells, "usergroups has no example"),
    (check_validation, HELPDESK, no_validation, "told that it worked"),
    (check_validation, HELPDESK, a_validation_that_asks_nobody, "asks the provider nothing"),
    (
        check_validation,
        HELPDESK,
        a_validation_that_ignores_a_refusal,
        "passes where the provider answers 401",
    ),
    (checks.check_records, HELPDESK, an_id_that_is_a_number, "$.id"),
    (checks.check_records, HELPDESK, a_date_that_is_none, "is not a 'date-time'"),
    (checks.check_records, HELPDESK, an_expression_that_fails, "response_mapping"),
    (checks.check_pagination, HELPDESK, a_cursor_that_comes_again, "comes again"),
    (checks.check_pagination, HELPDESK, a_cursor_that_is_not_found, "ends after the first page"),
    (checks.check_pagination, HELPDESK, a_cursor_that_is_sent_under_another_name, "leads to itself"),
    (checks.check_pagination, HELPDESK, a_record_on_two_pages, "a record twice"),
    (checks.check_listed_ids, HELPDESK, a_listed_record_that_cannot_be_got, "no example"),
    (checks.check_listed_ids, HELPDESK, a_record_got_under_another_id, "is read as 9"),
    (checks.check_errors, HELPDESK, an_error_under_another_status, "is raised as 503"),
    (checks.check_field_coverage, HELPDESK, a_sourced_field_that_is_dropped, "name is neither"),
    (checks.check_field_coverage, HELPDESK, a_reason_for_a_field_that_is_filled, "filled nevertheless"),
    (checks.check_field_coverage, HELPDESK, a_reason_that_says_nothing, "receiver is neither"),
    (check_lost_values, CRM, a_value_that_is_dropped, "properties.mobilephone is lost"),
    (check_lost_values, CRM, a_reason_for_a_value_that_no_answer_has, "shoe_size is listed as unmapped"),
    (check_missing_values, HELPDESK, a_null_that_is_not_expected, "with status null"),
    (checks.check_writes, TRACKER, a_write_that_fails_on_what_was_read, "D3030"),
    (checks.check_writes, TRACKER, a_write_that_sends_nothing, "makes nothing of what was sent"),
]


@pytest.mark.parametrize(
    ("check", "name", "plant", "said"), CONTROLS, ids=[control[2].__name__ for control in CONTROLS]
)
async def test_a_check_finds(check: Check, name: str, plant: Plant, said: str) -> None:
    found = check(entry(name).copy_changed(plant))
    complaints = await found if inspect.isawaitable(found) else found
    assert any(said in complaint for complaint in complaints), complaints


async def test_a_validation_may_need_what_post_install_writes_and_nobody_else_does() -> None:
    def plant(copy: CatalogEntry) -> None:
        step = copy.definition["config"]["actions"]["validation"]["steps"][0]
        step["config"] = {"path": "/me", "base_url": "{{context.found_site}}"}

    def plant_without(copy: CatalogEntry) -> None:
        plant(copy)
        del copy.definition["config"]["actions"]["post_install"]

    assert await check_validation(entry("jira").copy_changed(plant)) == []
    with pytest.raises(IsthmusError, match="found_site"):
        await check_validation(entry("jira").copy_changed(plant_without))
