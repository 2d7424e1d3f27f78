"""A case for each field of an integration's definition that a call goes by."""

from __future__ import annotations

from typing import Any, Final

from tests.contract.fields import Case, Reply

__all__ = ["INTEGRATION_CASES", "THINGS_AT"]

I: Final = "integration"  # noqa: E741  # the root of nearly every path
THINGS_AT: Final = f"{I}.resources.things"
LIST: Final = f"{THINGS_AT}.list"
CREATE: Final = f"{THINGS_AT}.create"
PAGES: Final = f"{I}.pagination"
OAUTH: Final = f"{I}.credentials.oauth.config"
OAUTH1: Final = {
    "requestTokenUrl": "https://a.test/1",
    "authorizeUrl": "https://a.test/2",
    "tokenUrl": "https://a.test/3",
    "client": {"id": "consumer", "secret": "hush"},
    "signature_method": "PLAINTEXT",
}
TOKEN: Final = {"oauth": {"token": {"access_token": "t", "access_token_secret": "s"}}}
SLOW_DOWN: Final = Reply(
    {"message": "slow"}, 200, {"x-wait": "3", "x-reset": "9999999999", "retry-after": "7"}
)
LIMITED: Final = {f"{I}.rate_limit": {"is_rate_limited": "$exists(headers.`x-wait`)"}}


def _pages(form: str, **config: Any) -> dict[str, Any]:
    """Returns the values for a pagination format with this config."""
    return {PAGES: {"format": form, "config": config}}


def _page(form: str, field: str, value: Any, call: str = "list?limit=5", **options: Any) -> Case:
    """Returns a case for a field of a pagination's config."""
    config = options.pop("config", {"cursor_path": "next"} if form == "cursor" else {})
    return Case(f"{PAGES}.config.{field}", value, call, given=_pages(form, **config), **options)


def _oauth(path: str, value: Any, **options: Any) -> Case:
    """Returns a case for a value of an OAuth credential."""
    given = {f"{I}.credentials": {"oauth": {"config": OAUTH1}}, **options.pop("given", {})}
    return Case(path, value, given=given, context=TOKEN, method="oauth", **options)


def _body(field: str, value: Any, form: str, body: Any, **options: Any) -> Case:
    """Returns a case for a field of a body format's options."""
    given = {f"{CREATE}.body_format": form}
    return Case(f"{CREATE}.body_format_config.{field}", value, "create", body=body, given=given, **options)


TOP: Final = (
    Case(f"{I}.label", "Mirror", "nothing"),
    Case(f"{I}.base_url", "@here/v1", other="@here/v2"),
    Case(f"{I}.headers", {"X-Own": "1"}),
    Case(f"{I}.required_headers", ["X-Need"], "list?needs=1"),
    Case(f"{I}.query", {"own": "1"}),
    Case(f"{I}.query_array_format", "comma", "list?a[]=1&a[]=2"),
    _oauth(f"{I}.credentials", {"oauth": {"config": OAUTH1}}),
    Case(f"{I}.authorization", {"format": "basic", "config": {"username": "u"}}),
    Case(PAGES, {"format": "page", "config": {}}),
    Case(f"{I}.rate_limit", {"is_rate_limited": "true"}),
    Case(f"{I}.resources", {"things": {"list": {"path": "/other"}}}),
    Case(f"{I}.actions", {"do": {"steps": [{"type": "transform", "config": "1"}]}}, "action do"),
    Case(f"{I}.error_expression", "'refused'"),
    Case(
        f"{I}.environment_variables", {"v": "1"}, given={f"{I}.query": {"v": "{{environment_variables.v}}"}}
    ),
    Case(
        f"{I}.secret_environment_variables",
        {"v": "1"},
        given={f"{I}.query": {"v": "{{environment_variables.v}}"}},
    ),
)

AUTHORIZATION: Final = (
    Case(f"{I}.authorization.format", "bearer", other="basic"),
    Case(f"{I}.authorization.config", {"token": "x"}),
    Case(f"{I}.authorization.config.token", "x"),
    Case(
        f"{I}.authorization.format",
        "header",
        other="bearer",
        given={f"{I}.authorization.config": {"header_name": "X-K", "header_value": "v"}},
    ),
    Case(
        f"{I}.authorization.config",
        {"header_name": "X-K", "header_value": "v"},
        other={"header_name": "X-L", "header_value": "v"},
        given={f"{I}.authorization.format": "header"},
    ),
    *(
        Case(
            f"{I}.authorization.config.{field}",
            value,
            other=other,
            given={
                f"{I}.authorization": {
                    "format": "header",
                    "config": {"header_name": "N", "header_value": "v"},
                }
            },
        )
        for field, value, other in (("header_name", "X-K", "X-L"), ("header_value", "v", "w"))
    ),
    Case(
        f"{I}.authorization.config.expression",
        "{'X-K': 'of ' & requestOptions.method}",
        given={
            f"{I}.authorization": {"format": "header", "config": {"header_name": "N", "header_value": "v"}}
        },
    ),
    Case(f"{I}.authorization.format", "basic", other="bearer"),
    Case(
        f"{I}.authorization.config",
        {"username": "u"},
        other={"username": "v"},
        given={f"{I}.authorization.format": "basic"},
    ),
    *(
        Case(f"{I}.authorization.config.{field}", "x", given={f"{I}.authorization.format": "basic"})
        for field in ("username", "password")
    ),
    _oauth(f"{OAUTH}.client", {"id": "other", "secret": "hush"}, other={"id": "consumer", "secret": "hush"}),
    _oauth(f"{OAUTH}.client.id", "other", other="consumer"),
    _oauth(f"{OAUTH}.client.secret", "other", other="hush"),
    _oauth(f"{OAUTH}.signature_method", "HMAC-SHA256", other="HMAC-SHA1"),
    _oauth(f"{OAUTH}.realm", "r"),
)

INITIAL: Final = "{'start': $firstNonEmpty(query.cursor, '0')}"

PAGINATION: Final = (
    Case(f"{PAGES}.format", "page", other="offset", given=_pages("page")),
    Case(f"{PAGES}.format", "offset", other="page", given=_pages("page")),
    Case(f"{PAGES}.format", "link_header", other="page", given=_pages("page")),
    Case(f"{PAGES}.format", "range", other="page", given=_pages("page")),
    Case(f"{PAGES}.format", "dynamic", other="page", given=_pages("page")),
    Case(f"{PAGES}.format", "cursor", other="page", given=_pages("cursor", cursor_path="next")),
    *(
        Case(f"{PAGES}.config", {"limit_param": "n"}, "list?limit=5", given={f"{PAGES}.format": form})
        for form in ("page", "offset", "link_header")
    ),
    Case(
        f"{PAGES}.config",
        {"cursor_path": "next"},
        other={"cursor_path": "back"},
        given={f"{PAGES}.format": "cursor"},
    ),
    Case(f"{PAGES}.config", {"range_unit": "rows"}, given={f"{PAGES}.format": "range"}),
    Case(
        f"{PAGES}.config",
        {"get_initial_pagination_values_expression": INITIAL},
        other={},
        given={f"{PAGES}.format": "dynamic"},
    ),
    _page("page", "page_param", "p"),
    _page("page", "start_page", 0),
    _page("page", "total_pages_path", "pages", "list?limit=2"),
    _page("offset", "offset_param", "o"),
    _page("offset", "start_offset", 1),
    _page("offset", "total_path", "total", "list?limit=2"),
    _page("cursor", "cursor_path", "deep.next", other="next"),
    _page("cursor", "cursor_param", "after", "list?next_cursor=x"),
    _page("cursor", "prev_cursor_path", "back"),
    _page("cursor", "has_more_path", "more"),
    *(
        _page(form, field, value, call, config=config)
        for form, config in (
            ("page", {}),
            ("offset", {}),
            ("link_header", {"limit_param": "n"}),
            ("cursor", {"cursor_path": "next"}),
            ("range", {}),
        )
        for field, value, call in (("max_limit", 3, "list?limit=5"), ("default_limit", 4, "list"))
    ),
    *(_page(form, "limit_param", "count") for form in ("page", "offset", "link_header", "cursor")),
    _page("range", "range_unit", "rows"),
    _page("dynamic", "get_initial_pagination_values_expression", INITIAL, "list"),
    _page("dynamic", "get_pagination_values_expression", "{'start': body.next}", "list"),
    _page("dynamic", "get_cursor_from_response_expression", "body.next", "list"),
)

RATE_LIMIT: Final = (
    Case(f"{I}.rate_limit.is_rate_limited", "true"),
    Case(
        f"{I}.rate_limit.retry_after_header_expression",
        "$number(headers.`x-wait`)",
        given=LIMITED,
        replies={"/things": SLOW_DOWN},
    ),
    Case(
        f"{I}.rate_limit.rate_limit_header_expression",
        "$number(headers.`x-reset`)",
        given=LIMITED,
        replies={"/things": SLOW_DOWN},
    ),
)


METHOD: Final = (
    Case(f"{LIST}.path", "/things", other="/others"),
    Case(f"{LIST}.method", "post"),
    Case(f"{LIST}.base_url", "@here/v2"),
    Case(f"{LIST}.headers", {"X-Own": "1"}),
    Case(f"{LIST}.query", {"own": "1"}),
    Case(f"{LIST}.query_array_format", "comma", "list?a[]=1&a[]=2"),
    Case(f"{CREATE}.body", {"own": "{{body.n}}"}, "create", body={"n": 1}),
    Case(f"{CREATE}.body_format", "form", "create", body={"n": 1}),
    Case(
        f"{CREATE}.body_format_config",
        {"root": "thing"},
        "create",
        body={"n": 1},
        given={f"{CREATE}.body_format": "xml"},
    ),
    _body("array_format", "comma", "form", {"a": [1, 2]}),
    _body("boundary", "----one", "multipart", {"a": "1"}, other="----two"),
    Case(
        f"{CREATE}.body_format_config.file_fields",
        ["doc"],
        "create",
        body={"doc": "text"},
        given={f"{CREATE}.body_format": "multipart", f"{CREATE}.body_format_config.boundary": "----one"},
    ),
    _body("content_type", "text/csv", "raw", "a,b"),
    _body("root", "thing", "xml", {"n": 1}),
    _body("attribute_prefix", "_", "xml", {"r": {"_n": 1, "@m": 2}}),
    _body("text_key", "value", "xml", {"r": {"value": "x"}}),
    _body("declaration", True, "xml", {"r": 1}, other=False),
    Case(f"{LIST}.response_path", "items"),
    Case(f"{LIST}.pagination_path", "/later", "list?next_cursor=2", given=_pages("page")),
    Case(f"{LIST}.pagination", {"format": "page", "config": {}}),
    Case(f"{LIST}.authorization", {"format": "basic", "config": {"username": "u"}}),
    Case(f"{CREATE}.add_query_to_body", True, "create?q=1", body={"n": 1}),
    Case(
        f"{LIST}.ignore_body_in_pagination",
        True,
        "list?next_cursor=2",
        given={**_pages("page"), f"{LIST}.method": "post", f"{LIST}.body": {"a": "1"}},
    ),
    Case(f"{CREATE}.ignore_body", True, "create", body={"n": 1}),
    Case(f"{CREATE}.set_body_to_null", True, "create", body={"n": 1}),
    Case(f"{LIST}.no_auth", True),
    Case(
        f"{LIST}.ignore_credentials_on_redirect",
        True,
        given={
            f"{I}.authorization": {"format": "header", "config": {"header_name": "X-K", "header_value": "v"}}
        },
        replies={"/things": Reply(elsewhere="/v1/there")},
    ),
    Case(f"{LIST}.api_response_format", "text"),
    Case(
        f"{LIST}.throw_error_on_parse_error",
        False,
        replies={"/things": Reply(b"{", content_type="application/json")},
    ),
    Case(f"{LIST}.error_expression", "'refused'"),
    Case(f"{LIST}.scopes", ["read"], replies={"/things": Reply({}, 403)}),
    Case(f"{LIST}.timeout_seconds", 0.5, replies={"/things": Reply([1], seconds=1.5)}),
    Case(f"{LIST}.paginate_in_body", True, given={**_pages("page"), f"{LIST}.method": "post"}),
)


def _step(config: Any) -> dict[str, Any]:
    """Returns the values for an action with one step of this config."""
    return {f"{I}.actions.do": {"steps": [{"type": "request", "config": config}]}}


AT: Final = f"{I}.actions.do.steps.0.config"
CALLED: Final = _step({"resource": "things", "method": "create"})
ACTIONS: Final = (
    Case(
        f"{I}.actions.do.steps",
        [{"type": "transform", "config": "1"}],
        "action do",
        given={f"{I}.actions.do": {}},
    ),
    Case(
        f"{AT}.resource",
        "others",
        "action do",
        other="things",
        given=_step({"resource": "things", "method": "list"}),
    ),
    Case(
        f"{AT}.method",
        "create",
        "action do",
        other="list",
        given=_step({"resource": "things", "method": "list"}),
    ),
    Case(f"{AT}.id", "9", "action do", given=_step({"resource": "things", "method": "get"})),
    Case(f"{AT}.query", {"q": "1"}, "action do", given=CALLED),
    Case(f"{AT}.body", {"n": "1"}, "action do", given=CALLED),
)

INTEGRATION_CASES: Final = (*TOP, *AUTHORIZATION, *PAGINATION, *RATE_LIMIT, *METHOD, *ACTIONS)
