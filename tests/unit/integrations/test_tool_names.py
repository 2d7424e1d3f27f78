"""Names of tools."""

from __future__ import annotations

import re

import pytest

from isthmus.integrations.meta.tool_names import assign_tool_names, to_singular


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("contacts", "contact"), ("companies", "company"), ("addresses", "address"), ("boxes", "box"),
        ("batches", "batch"), ("caches", "cache"), ("statuses", "status"), ("warehouses", "warehouse"),
        ("status", "status"), ("news", "news"), ("me", "me"), ("ticket_comments", "ticket_comment"),
        ("dishes", "dish"), ("taxes", "tax"), ("ties", "tie"), ("analysis", "analysis"),
    ],
)  # fmt: skip
def test_one_of_many(plural: str, one: str) -> None:
    assert to_singular(plural) == one


def test_a_template_takes_the_place_of_the_usual_names() -> None:
    methods = [("Contacts", "list"), ("contacts", "list"), ("contacts", "bulkImport"), ("x" * 70, "get")]
    names = assign_tool_names("big-crm", methods, "{method}-{one}-{integration}")
    assert names["contacts", "bulkImport"] == "bulk_import-contact-big_crm"
    assert {names["Contacts", "list"], names["contacts", "list"]} == {
        "list-contact-big_crm",
        "list-contact-big_crm_2",
    }
    assert len(names["x" * 70, "get"]) == 64


def test_each_method_has_a_name_of_its_own() -> None:
    methods = [
        ("Contacts", "list"), ("contacts", "list"), ("con-tacts", "get"), ("contacts", "bulkImport"),
        ("HTTPLogs", "delete"), ("contacts", "update"), ("contacts", "create"), ("名前", "list"),
    ]  # fmt: skip
    names = assign_tool_names("big-crm", methods)
    assert names["contacts", "bulkImport"] == "big_crm_contacts_bulk_import"
    assert names["HTTPLogs", "delete"] == "delete_a_big_crm_http_log_by_id"
    assert names["con-tacts", "get"] == "get_single_big_crm_con_tact_by_id"
    assert {names["Contacts", "list"], names["contacts", "list"]} == {
        "list_all_big_crm_contacts",
        "list_all_big_crm_contacts_2",
    }
    assert len(set(names.values())) == len(methods)
    assert names == assign_tool_names("big-crm", reversed(methods))


@pytest.mark.parametrize(("characters", "is_whole"), [(64, True), (65, False)])
def test_a_name_may_have_64_characters(characters: int, is_whole: bool) -> None:
    resource = "x" * (characters - len("get_single_p__by_id"))
    (name,) = assign_tool_names("p", [(resource, "get")]).values()
    assert (len(name), name == f"get_single_p_{resource}_by_id") == (64, is_whole)


def test_a_long_name_is_cut_and_stays_apart() -> None:
    methods = [(f"{'very_long_' * 9}{end}", "create") for end in ("one", "two", "three")]
    names = list(assign_tool_names("product", methods).values())
    assert len(set(names)) == 3
    assert all(re.fullmatch(r"[a-z0-9_]{1,64}", name) for name in names)
