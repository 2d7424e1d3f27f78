"""The text splitter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.functions.running import check, error, value

from isthmus.expressions.javascript import count_utf16_units


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        (
            "hello world this is\n\na test of the splitter\nwith lines",
            {"chunkSize": 10, "chunkOverlap": 3},
            ["hello", "world", "this is", "a test of", "of the", "splitter", "with", "lines"],
        ),
        ("abcdefghijklm nop", {"chunkSize": 5, "chunkOverlap": 0}, ["abcde", "fghij", "klm", "nop"]),
        ({"a": [1, 2]}, {"chunkSize": 8, "chunkOverlap": 0}, ["{", '"a":', "[", "1,", "2", "]\n}"]),
        ("  abc  \n\n\n def ", {"chunkSize": 6, "chunkOverlap": 2}, ["abc", "def"]),
        (12345, {}, ["12345"]),
        ("", {}, []),
        (None, {}, []),
    ],
)
def test_chunks(text: object, options: object, expected: list[str]) -> None:
    check("$recursiveCharacterTextSplitter(t, o)", expected, {"t": text, "o": options})


def test_defaults() -> None:
    text = "word " * 100
    chunks = value("$recursiveCharacterTextSplitter(t)", {"t": text})
    assert isinstance(chunks, list)
    assert all(len(chunk) <= 200 for chunk in chunks)
    check("$count($recursiveCharacterTextSplitter(t, 20, 0))", 1, {"t": text})
    check("$recursiveCharacterTextSplitter(missing)", [])
    message = error("$recursiveCharacterTextSplitter('a', {'chunkSize': 3})").message
    assert message == "Cannot have chunkOverlap >= chunkSize"


@given(st.text(alphabet="ab 😀\n", max_size=60), st.integers(2, 12))
def test_chunks_fit_and_lose_no_word(text: str, size: int) -> None:
    options = {"chunkSize": size, "chunkOverlap": 0}
    chunks = value("$recursiveCharacterTextSplitter(t, o)", {"t": text, "o": options})
    assert isinstance(chunks, list)
    assert all(count_utf16_units(chunk) <= size for chunk in chunks)
    assert "".join("".join(chunks).split()) == "".join(text.split())
