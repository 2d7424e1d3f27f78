"""Multipart bodies: each part is read by itself, whatever came before it, and within the limits."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from isthmus.api.multipart import MAX_HEADER_BYTES, MAX_HEADERS, MAX_PARTS, parse_multipart
from isthmus.errors import BadRequest
from isthmus.expressions.host import Blob

CONTENT_TYPE = "multipart/form-data; boundary=b"


def part(disposition: str, value: str = "", **headers: str) -> str:
    lines = [f"Content-Disposition: form-data; {disposition}"]
    lines += [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
    return "--b\r\n" + "\r\n".join(lines) + f"\r\n\r\n{value}\r\n"


def parse(*parts: str, content_type: str = CONTENT_TYPE) -> dict[str, Any]:
    return parse_multipart(("".join(parts) + "--b--\r\n").encode(), content_type)


def values(parsed: dict[str, Any]) -> dict[str, Any]:
    """What was parsed, with files as their parts."""
    return {
        name: (value.data, value.type, value.name) if isinstance(value, Blob) else value
        for name, value in parsed.items()
    }


PARTS = {
    "text": (part('name="text"', "a"), "a"),
    "typed": (part('name="typed"', "b", content_type="text/plain; charset=utf-8"), "b"),
    "empty": (part('name="empty"'), ""),
    "file": (
        part('name="file"; filename="a.png"', "c", content_type="image/png"),
        (b"c", "image/png", "a.png"),
    ),
    "json": (part('name="json"', "{}", content_type="application/json"), (b"{}", "application/json", None)),
    "untyped": (part('name="untyped"; filename="n"', "d"), (b"d", "", "n")),
}


@pytest.mark.parametrize("names", list(permutations(PARTS, 3)), ids="-".join)
def test_a_part_is_what_it_says_of_itself_in_any_order(names: tuple[str, ...]) -> None:
    assert values(parse(*(PARTS[name][0] for name in names))) == {name: PARTS[name][1] for name in names}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_without_a_name_is_refused_though_the_one_before_has_one(name: str) -> None:
    with pytest.raises(BadRequest, match="part without a name"):
        parse(PARTS[name][0], "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n")


def test_names_with_brackets_make_objects_and_arrays_of_texts_and_files() -> None:
    parsed = parse(
        part('name="files[]"; filename="a"', "1"),
        part('name="files[]"; filename="b"', "2"),
        part('name="a[b]"', "c"),
    )
    assert [each.name for each in parsed["files"]] == ["a", "b"]
    assert parsed["a"] == {"b": "c"}


def test_header_names_are_read_in_any_case() -> None:
    assert parse('--b\r\ncontent-DISPOSITION: form-data; name="a"\r\n\r\nx\r\n') == {"a": "x"}


def test_as_many_parts_as_are_allowed_are_read_and_one_more_is_not() -> None:
    parts = [part(f'name="p{number}"', "x") for number in range(MAX_PARTS + 1)]
    assert len(parse(*parts[:MAX_PARTS])) == MAX_PARTS
    with pytest.raises(BadRequest, match=f"more than {MAX_PARTS} parts"):
        parse(*parts)


def test_a_header_may_be_as_long_as_is_allowed_and_no_longer() -> None:
    room = MAX_HEADER_BYTES - len("X-Note: ")
    assert parse(part('name="a"', "x", X_Note="n" * room)) == {"a": "x"}
    with pytest.raises(BadRequest, match="Maximum header size exceeded"):
        parse(part('name="a"', "x", X_Note="n" * (room + 1)))
    with pytest.raises(BadRequest, match="Maximum header size exceeded"):
        parse(part('name="a"', "x") + "--b\r\n" + "n" * (MAX_HEADER_BYTES + 1) + ": x\r\n\r\n\r\n")


def test_the_length_of_a_header_is_not_added_to_that_of_the_one_before() -> None:
    half = "n" * (MAX_HEADER_BYTES // 2)
    notes = {f"X_Note{number}": half for number in range(MAX_HEADERS - 1)}
    assert parse(part('name="a"', "x", **notes), part('name="b"', "y", **notes)) == {"a": "x", "b": "y"}
    with pytest.raises(BadRequest, match="Maximum header count exceeded"):
        parse(part('name="a"', "x", **notes, One_More="z"))


@pytest.mark.parametrize(
    ("raw", "content_type", "reason"),
    [
        (part('name="a"', "x") + "--b--\r\n", "multipart/form-data", "no boundary"),
        (part('name="a"', "x"), CONTENT_TYPE, "breaks off"),
        (part('name="a"', "x")[:-2], CONTENT_TYPE, "breaks off"),
        ("--b\r\nno header at all\r\n\r\nx\r\n--b--\r\n", CONTENT_TYPE, "cannot be read"),
        ("nothing of the kind", CONTENT_TYPE, "cannot be read"),
    ],
)
def test_a_body_that_is_no_multipart_is_refused(raw: str, content_type: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason) as caught:
        parse_multipart(raw.encode(), content_type)
    assert caught.value.details["failures"][0]["code"] == "malformed_multipart"
