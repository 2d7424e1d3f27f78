"""Encodings and their names; gzip bodies of many members: what they cost, and that they come out whole."""

from __future__ import annotations

import gzip
import time
import zlib

import pytest

from isthmus.errors import UpstreamInvalid
from isthmus.http.decoding import Decoder, make_decoder

EMPTY = gzip.compress(b"")


@pytest.fixture
def decoder() -> Decoder:
    found = make_decoder("gzip")
    assert found is not None
    return found


@pytest.mark.parametrize("step", [1, 7, 5_000, 1_000_000])
def test_members_come_out_whole_however_they_arrive(decoder: Decoder, step: int) -> None:
    parts = [b"a" * 10_000, b"", b"b", b"", b"", b"c" * 9_000]
    body = b"".join(map(gzip.compress, parts))
    out = b"".join(decoder.feed(body[at : at + step], 100_000) for at in range(0, len(body), step))
    decoder.finish()
    assert out == b"".join(parts)


@pytest.mark.parametrize("step", [len(EMPTY), 1_000_000], ids=["one at a time", "all at once"])
def test_empty_members_without_end_are_refused(decoder: Decoder, step: int) -> None:
    def read(body: bytes) -> None:
        for at in range(0, len(body), step):
            decoder.feed(body[at : at + step], 10)

    with pytest.raises(UpstreamInvalid, match="more than 100 empty gzip members"):
        read(EMPTY * 200)


def test_a_hundred_empty_members_in_a_row_are_read(decoder: Decoder) -> None:
    assert decoder.feed(EMPTY * 100 + gzip.compress(b"x"), 10) == b"x"
    with pytest.raises(UpstreamInvalid):
        decoder.feed(EMPTY * 101, 10)


@pytest.mark.parametrize("encoding", ["", " identity ", "IDENTITY"])
def test_a_body_without_an_encoding_needs_no_decoder(encoding: str) -> None:
    assert make_decoder(encoding) is None


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(b"hello")),
        ("X-GZip", gzip.compress(b"hello")),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", zlib.compress(b"hello") + b"what follows"),
    ],
    ids=["gzip", "another name of gzip", "deflate", "more behind deflate"],
)
def test_a_body_may_unpack_to_as_much_as_there_is_room(encoding: str, data: bytes) -> None:
    decoder, tighter = make_decoder(encoding), make_decoder(encoding)
    assert decoder is not None
    assert tighter is not None
    assert b"".join(decoder.feed(data[at : at + 1], 5) for at in range(len(data))) == b"hello"
    decoder.finish()
    assert tighter.feed(data, 3) == b"hell"


def test_a_member_behind_those_that_fill_the_room_is_seen_as_excess(decoder: Decoder) -> None:
    assert decoder.feed(gzip.compress(b"he") + gzip.compress(b"llo") + gzip.compress(b"x"), 5) == b"hellox"


def test_empty_members_between_others_are_read(decoder: Decoder) -> None:
    assert decoder.feed((EMPTY * 60 + gzip.compress(b"x")) * 5, 100) == b"xxxxx"


def test_the_time_of_a_chunk_grows_with_its_members_alone() -> None:
    def seconds(count: int) -> float:
        decoder = make_decoder("gzip")
        assert decoder is not None
        chunk = gzip.compress(b"x") * count
        started = time.process_time()
        assert len(decoder.feed(chunk, 1_000_000)) == count
        return time.process_time() - started

    assert seconds(80_000) < 60 * min(seconds(4_000) for _ in range(3))
