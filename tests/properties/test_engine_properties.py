"""What holds for any caller's input, not only for the examples."""

from __future__ import annotations

import contextlib
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from isthmus.engine.evaluation import make_template_scope
from isthmus.engine.pagination.provider_cursors import seal_address, unseal_address
from isthmus.engine.queries import ArrayFormat, parse_query, serialize_query
from isthmus.engine.urls import BaseUrl, PathTemplate, join_path, resolve_on_origin
from isthmus.errors import BadRequest
from isthmus.expressions.placeholders import compile_template
from isthmus.http.guard import Guard

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="[]"), min_size=1, max_size=8)
FORMATS: list[ArrayFormat] = ["brackets", "indices", "repeat"]
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXT,
    lambda inner: st.dictionaries(
        NAMES.filter(lambda name: not name.isdigit()), inner, min_size=1, max_size=3
    ),
)


@given(
    st.dictionaries(NAMES, VALUES | st.lists(TEXT, min_size=2, max_size=4), max_size=4),
    st.sampled_from(FORMATS),
)
def test_a_query_that_is_written_reads_back_the_same(values: dict[str, Any], form: ArrayFormat) -> None:
    assert parse_query(serialize_query(values, form)).nested == values


@given(st.binary(max_size=200))
def test_any_query_string_is_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(BadRequest):
        assert len(parse_query(raw).nested) <= len(raw)


@given(TEXT)
def test_an_id_stays_inside_its_path(value: str) -> None:
    path = PathTemplate(compile_template("/things/{{id}}/parts"), "path")
    try:
        rendered = path.render(make_template_scope({}, id=value, query={}, body={}))
    except BadRequest:
        assert not value or any(part.strip() in {".", ".."} for part in re.split(r"[/\\]", value))
        return
    url = urlsplit(join_path("https://api.test/v1", rendered))
    assert (url.scheme, url.netloc, url.query, url.fragment) == ("https", "api.test", "", "")
    assert unquote(url.path) == f"/v1/things/{value}/parts"
    assert ".." not in url.path.split("/")


@given(TEXT)
def test_a_context_value_never_moves_the_host(value: str) -> None:
    base = BaseUrl(compile_template("https://{{sub}}.api.test/v1"), "base_url")
    try:
        url = urlsplit(base.render(make_template_scope({"sub": value}, id=None, query={}, body={})))
        host = url.hostname or ""
    except BadRequest:
        return
    assert host.endswith(".api.test")
    assert (url.scheme, url.path, url.query, url.username) == ("https", "/v1", "", None)


@given(TEXT)
def test_a_token_never_leads_off_the_origin(token: str) -> None:
    for address in (
        unseal_address(token, b"k"),
        unseal_address(seal_address(f"https://any.test/{token}", b"k"), b"k"),
    ):
        target = None if address is None else resolve_on_origin("https://api.test/v1", address)
        assert target is None or target.startswith("https://api.test/")


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_in_its_ipv6_spellings(address: Any) -> None:
    guard = Guard()
    plain = guard.is_permitted(str(address))
    assert guard.is_permitted(f"::ffff:{address}") is plain
    assert guard.is_permitted(f"64:ff9b::{address}") is plain
