"""The parameters of the pages, as addresses and browsers send them."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from starlette.requests import Request

from isthmus.connect.errors import RapidFormFailed
from isthmus.ui.page_parameters import is_framed, parse_page_options, parse_rapid_options

MAX_LENGTH = 64 * 1024


def request(headers: dict[str, str] | None = None, **parameters: str) -> Request:
    return Request(
        {
            "type": "http",
            "query_string": urlencode(parameters).encode(),
            "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        }
    )


def test_integrations_to_choose_from_are_a_comma_list() -> None:
    assert parse_page_options(request(integrations=" a, ,b,")).integrations == ("a", "b")
    for nothing in ("", " , "):
        assert parse_page_options(request(integrations=nothing)).integrations is None
    assert parse_page_options(request()).integrations is None


@pytest.mark.parametrize(
    ("text", "is_set"),
    [
        ("true", True),
        ("1", True),
        ("yes", True),
        ("", False),
        ("FALSE", False),
        ("0", False),
        ("undefined", False),
        ("null", False),
    ],
)
def test_a_switch_is_set_unless_it_says_that_it_is_not(text: str, is_set: bool) -> None:
    options = parse_page_options(request(no_back=text, skip_rapid_form=text))
    assert (options.no_back, options.skip_rapid_form) == (is_set, is_set)


def test_a_parameter_that_is_empty_is_none() -> None:
    options = parse_page_options(request(integration="", auth_format=""))
    assert (options.integration, options.auth_format) == (None, None)


@pytest.mark.parametrize(
    ("destination", "parameter", "framed"),
    [
        ("iframe", "", True),
        ("frame", "false", True),
        ("document", "true", False),
        ("empty", "true", False),
        (None, "true", True),
        (None, "", False),
    ],
)
def test_a_browser_says_whether_the_page_is_in_a_frame(
    destination: str | None, parameter: str, framed: bool
) -> None:
    headers = {} if destination is None else {"sec-fetch-dest": destination}
    assert is_framed(request(headers, iframe=parameter)) == framed
    assert parse_page_options(request(headers, iframe=parameter)).is_framed == framed
    assert parse_rapid_options(request(headers, iframe=parameter)).is_framed == framed


def test_what_the_form_of_an_account_is_given_is_json() -> None:
    options = parse_rapid_options(
        request(
            truto_additional_context='{"a": 1}',
            truto_prevent_deselect='{"f": {"message": "no"}, "g": "plain", "h": {}}',
            truto_disabled_fields="{}",
        )
    )
    assert options.additional == {"a": 1}
    assert options.prevent_deselect == {"f": "no", "g": "plain", "h": ""}
    assert options.disabled == {}


@pytest.mark.parametrize("text", ["{", "[]", "1", "null", "[" * 100_000, '{"a": ' * 3_000])
def test_what_is_no_object_is_refused_however_it_is_wrong(text: str) -> None:
    for name in ("truto_additional_context", "truto_prevent_deselect", "truto_disabled_fields"):
        with pytest.raises(RapidFormFailed, match=f"with a {name} that is no JSON object"):
            parse_rapid_options(request(None, **{name: text}))


def test_an_object_may_be_as_long_as_is_allowed_and_no_longer() -> None:
    def of_length(length: int) -> str:
        text = json.dumps({"a": ""})
        return json.dumps({"a": "x" * (length - len(text))})

    assert parse_rapid_options(request(truto_additional_context=of_length(MAX_LENGTH))).additional["a"]
    with pytest.raises(RapidFormFailed):
        parse_rapid_options(request(truto_additional_context=of_length(MAX_LENGTH + 1)))
