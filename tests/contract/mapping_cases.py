"""A case for each field of a mapping, of its steps and of a unified model that a call goes by."""

from __future__ import annotations

from typing import Any, Final

from isthmus.expressions.host import Blob
from tests.contract.field_cases import THINGS_AT
from tests.contract.fields import Case, Reply

__all__ = ["MAPPING_CASES"]

M: Final = "mapping"
R: Final = "model.resources.contacts"
MAPPED: Final[dict[str, Any]] = {M: {}}
BROKEN: Final = {"/things": Reply({"fault": "broken"}, 418)}
FORBIDDEN: Final = {"/things": Reply({}, 403)}
FAILS: Final = "$error('no')"
STEPS: Final[dict[str, Any]] = {
    "request": {"path": "/asked"},
    "transform": "1 + 1",
    "update_context": "{'was': 'updated'}",
    "set_context": {"was": "set"},
    "get_context": "api_key",
}


def _mapped(field: str, value: Any, call: str = "list", **options: Any) -> Case:
    """Returns a case for a field of a mapping."""
    given = {**MAPPED, **options.pop("given", {})}
    return Case(f"{M}.{field}", value, call, given=given, **options)


def _stepped(kind: str, field: str, value: Any, *, other: Any, **given: Any) -> Case:
    """Returns a case for a field of the one step before a call, whose query shows what the step gave and
    left."""
    query = "{'steps': $string(before), 'was': context.was}"
    step = {"type": kind, "config": STEPS[kind], **given}
    return _mapped(
        f"before.0.{field}", value, other=other, given={f"{M}.before": [step], f"{M}.query_mapping": query}
    )


def _of_steps() -> tuple[Case, ...]:
    others: dict[str, Any] = {
        "request": {"path": "/other"},
        "transform": "2 + 2",
        "update_context": "{'was': 'otherwise'}",
        "set_context": {"was": "otherwise"},
        "get_context": "missing",
    }
    turned = {
        "request": ("transform", "$string('x')"),
        "transform": ("update_context", "{'was': 1}"),
        "update_context": ("transform", "{'was': 1}"),
        "set_context": ("request", {"path": "/x", "resource": "things", "method": "list"}),
        "get_context": ("transform", "api_key"),
    }
    cases: list[Case] = []
    for kind in STEPS:
        other_kind, config = turned[kind]
        cases += [
            _stepped(kind, "name", "given", other="another"),
            _stepped(kind, "run_if", "false", other="true"),
            _stepped(kind, "ignore_error", True, other=False, run_if=FAILS),
            _stepped(kind, "config", STEPS[kind], other=others[kind]),
            _stepped(kind, "type", kind, other=other_kind, config=config),
        ]
    return (
        *cases,
        _stepped("transform", "config.expression", "'one'", other="'two'", config={}),
        _stepped("get_context", "config.path", "api_key", other="missing", config={}),
    )


LOADED: Final = {f"{M}.side_load": {"more": {"resource": "others", "method": "list"}}}
LOADED_ONE: Final = {
    f"{M}.side_load": {"more": {"resource": "others", "method": "get", "id": "{{record.id}}"}}
}
MORE: Final = "side_load.more"
UPLOAD: Final = Blob(b"bytes", "text/csv", "f")
BOUND: Final = {f"{THINGS_AT}.create.body_format_config": {"boundary": "----one"}}
UPLOADED: Final = "create?truto_body_passthrough=true"

MAPPING: Final = (
    _mapped("resource", "others", other="things"),
    _mapped("method", "zap"),
    _mapped("query_mapping", "{'mapped': '1'}"),
    _mapped("query", {"own": "1"}),
    _mapped("query_schema", {"required": ["q"]}),
    _mapped("request_body_mapping", "{'mapped': body.n}", "create", body={"n": 1}),
    _mapped("request_body_schema", {"required": ["m"]}, "create", body={"n": 1}),
    _mapped("body", {"own": "1"}, "create", body={"n": 1}),
    _mapped("path_mapping", "'/mapped'"),
    _mapped("request_header_mapping", "{'X-Mapped': '1'}"),
    _mapped("response_mapping", "response.{'id': id}"),
    _mapped("response_mapping_method", "item", given={f"{M}.response_mapping": "{'n': $count(response)}"}),
    _mapped("response_header_mapping", "{'x-mapped': '1'}"),
    _mapped("error_mapping", "{'message': error.fault}", replies=BROKEN),
    _mapped("is_partial_expression", "true"),
    _mapped("before", [{"type": "request", "config": {"path": "/asked"}}]),
    _mapped("after", [{"type": "transform", "config": "[]"}]),
    _mapped("side_load", {"more": {"resource": "others"}}),
    _mapped("file_upload", True, UPLOADED, body=UPLOAD, given=BOUND),
    _mapped("file_upload.field", "doc", UPLOADED, body=UPLOAD, given={**BOUND, f"{M}.file_upload": {}}),
    _mapped("file_upload.body_format", "raw", UPLOADED, body=UPLOAD, given={**BOUND, f"{M}.file_upload": {}}),
    _mapped(
        "resource.expression",
        "'others'",
        other="'things'",
        given={f"{M}.resource": {"expression": "'things'", "resources": ["things", "others"]}},
    ),
    _mapped(
        "resource.resources",
        ["others"],
        other=["things"],
        given={f"{M}.resource": {"expression": "'things'", "resources": ["things"]}},
    ),
    _mapped(
        "method.expression",
        "'zap'",
        other="'list'",
        given={f"{M}.method": {"expression": "'list'", "methods": ["list", "zap"]}},
    ),
    _mapped(
        "method.methods",
        ["zap"],
        other=["list"],
        given={f"{M}.method": {"expression": "'list'", "methods": ["list"]}},
    ),
    _mapped(f"{MORE}.resource", "things", other="others", given=LOADED),
    _mapped(
        f"{MORE}.method", "create", other="list", given={f"{M}.side_load": {"more": {"resource": "things"}}}
    ),
    _mapped(f"{MORE}.id", "{{record.size}}", other="{{record.id}}", given=LOADED_ONE),
    _mapped(f"{MORE}.query", {"of": "{{record.id}}"}, given=LOADED),
    _mapped(
        f"{MORE}.body",
        {"of": "{{record.id}}"},
        given={f"{M}.side_load": {"more": {"resource": "things", "method": "create"}}},
    ),
    _mapped(f"{MORE}.response_mapping", "'mapped'", given=LOADED),
    _mapped(f"{MORE}.run_if", "record.id = 1", given=LOADED),
)

REQUIRES: Final = {"list": {"required": ["q"]}}
UNIFIED: Final = (
    Case("model.name", "crm", "get 7", other="sales", given={**MAPPED, f"{R}.methods": ["list"]}),
    Case("model.resources", {"contacts": {}}, other={"others": {}}, given=MAPPED),
    Case(
        f"{R}.schema",
        {"properties": {"phone": {}}},
        "list?truto_response_format=normalized",
        other={"properties": {}},
        given=MAPPED,
    ),
    Case(f"{R}.methods", ["get"], given=MAPPED),
    Case(f"{R}.query_schema", REQUIRES, given=MAPPED),
    Case(f"{R}.request_body_schema", {"create": {"required": ["m"]}}, "create", body={"n": 1}, given=MAPPED),
    Case(
        f"{R}.aliases",
        {"email": "emails[].email"},
        "create",
        body={"email": "a"},
        given={
            f"{M}.request_body_mapping": "{'mail': body.emails.email}",
            f"{R}.schema": {"properties": {"emails": {"type": "array", "items": {"type": "object"}}}},
        },
    ),
    Case(f"{R}.scopes", {"mirror": {"list": ["read"]}}, given=MAPPED, replies=FORBIDDEN),
)

MAPPING_CASES: Final = (*MAPPING, *_of_steps(), *UNIFIED)
