from __future__ import annotations

from typing import Any

import pytest

from isthmus.engine import urls
from isthmus.engine.evaluation import make_template_scope
from isthmus.engine.urls import BaseUrl, PathTemplate, join_path, resolve_on_origin
from isthmus.errors import BadRequest
from isthmus.expressions.placeholders import compile_template


def _base(text: str, **context: Any) -> str:
    return BaseUrl(compile_template(text), "base_url").render(
        make_template_scope(context, id=None, query={}, body={})
    )


def _path(text: str, id: str | None = None, **context: Any) -> str:
    query = {"q": "x y/é?#", "empty": "", "object": {"a": "1"}, "list": ["a", "b"], "deep": ["a", [{"b": 1}]]}
    query |= {"one": [""], "blank": " "}
    scope = make_template_scope(
        context, id=id, query=query, body={"b": "1", "none": None, "empty": "", "few": [], "nested": [[]]}
    )
    return PathTemplate(compile_template(text), "path").render(scope)


@pytest.mark.parametrize(
    ("text", "context", "url"),
    [
        ("https://api.test/v1/", {}, "https://api.test/v1"),
        ("https://{{sub}}.api.test", {"sub": "acme"}, "https://acme.api.test"),
        ("https://{{region?:eu}}.api.test/v1", {}, "https://eu.api.test/v1"),
        ("{{context.url}}", {"url": "http://127.0.0.1:8080/desk/"}, "http://127.0.0.1:8080/desk"),
        ("https://{{host}}/v1/{{org}}", {"host": "h.test:8443", "org": "o"}, "https://h.test:8443/v1/o"),
        ("https://{{x?:https://}}api.test", {"x": "a."}, "https://a.api.test"),
        ("https://[::1]:8080/x", {}, "https://[::1]:8080/x"),
        ("https://bücher.test:8443/ü", {}, "https://xn--bcher-kva.test:8443/%C3%BC"),
    ],
)
def test_a_base_url_takes_values_of_the_context(text: str, context: dict[str, Any], url: str) -> None:
    assert _base(text, **context) == url


@pytest.mark.parametrize(
    "value",
    [
        "evil.test/",
        "a@evil.test",
        "evil.test\\",
        "a b",
        "x?y",
        "x#y",
        "",
        "a\n",
        "evil.test:",
        "evil.test:80",
        "evil.test／",
    ],
)
def test_a_value_cannot_bend_the_host(value: str) -> None:
    with pytest.raises(BadRequest, match=r"sub stands in the host|plain http|cannot be looked up"):
        _base("https://{{sub}}.api.test/v1", sub=value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "api.test",
        "ftp://api.test",
        "http://a@b.test",
        "http://a.test/x?y=1",
        "http://a.test/../x",
        "http://a b",
    ],
)
def test_a_whole_base_url_of_the_context_has_to_be_plain(value: str) -> None:
    with pytest.raises(BadRequest, match="plain http"):
        _base("{{url}}", url=value)


def test_the_checked_addresses_of_a_base_url_are_kept_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "_MAX_CHECKED", 2)
    base = BaseUrl(compile_template("https://{{sub}}.api.test"), "base_url")
    for sub in "abcb":
        scope = make_template_scope({"sub": sub}, id=None, query={}, body={})
        assert base.render(scope) == f"https://{sub}.api.test"
    assert list(base._checked) == ["https://a.api.test", "https://b.api.test"]


def test_a_base_url_without_its_value_is_named() -> None:
    with pytest.raises(BadRequest, match=r"\{\{sub\}\} in base_url has no value"):
        _base("https://{{sub}}.api.test")


@pytest.mark.parametrize(
    ("text", "id", "path"),
    [
        ("/things/{{id}}", "a/b", "/things/a/b"),
        ("/things/{{id}}", "a?b=c&d#e%f", "/things/a%3Fb%3Dc%26d%23e%25f"),
        ("/things/{{id}}", "1.5-~_", "/things/1.5-~_"),
        ("/things/{{id}}", "...", "/things/..."),
        ("/q/{{query.q}}", None, "/q/x%20y/%C3%A9%3F%23"),
        ("/b/{{body.b}}?fixed=1", None, "/b/1?fixed=1"),
        ("/a b/ü", None, "/a%20b/%C3%BC"),
        ("/{{org}}", None, "/a@b:c%20d"),
        ("/{{context.org}}/x", None, "/a@b:c%20d/x"),
    ],
)
def test_values_of_callers_are_encoded_in_a_path(text: str, id: str | None, path: str) -> None:
    assert _path(text, id, org="a@b:c d") == path


@pytest.mark.parametrize(
    "name",
    [
        "query.empty",
        "body.empty",
        "body.none",
        "body.few",
        "query.one",
        "body.nested",
        "query.blank:int",
        "query.empty|body.none",
        "query.one|body.few",
        "query.empty:str",
    ],
)
def test_an_empty_value_of_a_caller_is_none_in_a_path(name: str) -> None:
    with pytest.raises(BadRequest, match=r"has no value") as refused:
        _path("/things/{{" + name + "}}/parts")
    assert refused.value.details
    assert refused.value.details["failures"][0]["code"] == "unresolved_placeholder"
    assert _path("/things/{{" + name + "?:all}}/parts") == "/things/all/parts"
    assert _path("/things/{{" + name + "|body.b}}/parts") == "/things/1/parts"


def test_an_empty_id_is_none_in_a_path() -> None:
    with pytest.raises(BadRequest, match=r"\{\{id\}\} in path has no value"):
        _path("/things/{{id}}", "")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/{{query.x?:q}}?a={{query.empty}}&b={{body.b}}", "/q?a=&b=1"),
        ("/things?a={{query.empty|query.q}}", "/things?a="),
        ("/{{prefix}}/x", "//x"),
        ("/things/{{query.list}}", "/things/a%2Cb"),
    ],
)
def test_values_stay_where_they_may_be_empty_or_several(text: str, path: str) -> None:
    assert _path(text, prefix="") == path


@pytest.mark.parametrize("text", ["/x/{{query.object}}", "/x?y={{query.object:json}}", "/x/{{query.deep}}/y"])
def test_an_object_does_not_stand_in_a_path(text: str) -> None:
    with pytest.raises(BadRequest, match=r"The value of \{\{query\.\w+\}\} in path is an object") as refused:
        _path(text)
    assert refused.value.details
    assert refused.value.details["failures"][0]["message"] == "must be text or a number"


@pytest.mark.parametrize("id", ["..", "../x", "x/../y", "a/..", ".", "a/.", "..\\\\admin"])
def test_a_path_never_climbs(id: str) -> None:
    with pytest.raises(BadRequest, match=r"'\.\.' segment"):
        _path("/things/{{id}}", id)


@pytest.mark.parametrize("value", ["..", "%2e%2E", "x/../y"])
def test_a_context_value_does_not_climb_either(value: str) -> None:
    with pytest.raises(BadRequest, match=r"'\.\.' segment"):
        _path("/{{org}}/x", org=value)


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("https://a.test/v1", "/x", "https://a.test/v1/x"),
        ("https://a.test/v1", "x", "https://a.test/v1/x"),
        ("https://a.test/v1", "//x", "https://a.test/v1/x"),
        ("https://a.test/v1", "/", "https://a.test/v1/"),
        ("https://a.test/v1", "", "https://a.test/v1"),
        ("https://a.test/v1", "?a=1", "https://a.test/v1?a=1"),
    ],
)
def test_one_slash_stands_between(base: str, path: str, url: str) -> None:
    assert join_path(base, path) == url


@pytest.mark.parametrize(
    ("target", "same"),
    [
        ("/x?y=1", True),
        ("https://a.test/x", True),
        ("https://A.test:443/x", True),
        ("//b.test/x", False),
        ("http://a.test/x", False),
        ("https://a.test:8443/", False),
        ("https://u@a.test/", False),
        ("ftp://a.test/", False),
        ("https://a.test:port/", False),
    ],
)
def test_same_origin(target: str, same: bool) -> None:
    assert (resolve_on_origin("https://a.test/v1", target) is not None) is same
