"""Parquet, read back by another reader."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from tests.unit.functions.running import check, error, value

from isthmus.expressions.host import ArrayBuffer


def _file(rows: object, options: object = None) -> Any:
    found = value("$jsonToParquet(r, o)", {"r": rows, "o": options})
    assert isinstance(found, ArrayBuffer)
    return import_module("pyarrow.parquet").ParquetFile(io.BytesIO(found.data))


def _types(rows: object) -> list[str]:
    schema = _file(rows).schema
    return [
        schema.column(index).physical_type
        + (
            f"/{schema.column(index).logical_type.type}"
            if schema.column(index).logical_type.type != "NONE"
            else ""
        )
        for index in range(len(schema.names))
    ]


def test_rows_come_back_as_they_went() -> None:
    rows = [{"a": 1, "b": "x"}, {"b": None, "c": True}]
    assert _file(rows).read().to_pylist() == [
        {"a": 1, "b": "x", "c": None},
        {"a": None, "b": None, "c": True},
    ]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([True, False], "BOOLEAN"),
        ([1, 2, None], "INT32"),
        ([1, 2**31], "INT64"),
        ([1, 1.5], "DOUBLE"),
        ([1.0, 2.0], "INT32"),
        (["a", "b"], "BYTE_ARRAY/STRING"),
        ([1, "a"], "BYTE_ARRAY/STRING"),
        ([None, None], "BYTE_ARRAY/STRING"),
        ([{"x": 1}, "s", [1]], "BYTE_ARRAY/JSON"),
        ([datetime(2024, 1, 2, tzinfo=UTC)], "INT64/TIMESTAMP"),
        ([b"\x00\x01"], "BYTE_ARRAY"),
    ],
)
def test_columns_are_typed_by_their_values(cells: list[object], expected: str) -> None:
    assert _types([{"c": cell, "k": 1} for cell in cells])[0] == expected


def test_nested_values_are_json_and_mixed_ones_text() -> None:
    table = _file([{"j": {"a": [1]}, "m": 1}, {"j": "s", "m": "x"}, {"j": None, "m": True}]).read()
    found = [row["j"] for row in table.to_pylist()]
    assert [found[0] and json.loads(found[0]), found[1], found[2]] == [{"a": [1]}, "s", None]
    assert [row["m"] for row in table.to_pylist()] == ["1", "x", "true"]


@pytest.mark.parametrize("codec", ["SNAPPY", "GZIP", "ZSTD", "UNCOMPRESSED"])
def test_codecs(codec: str) -> None:
    assert _file([{"a": 1}], {"codec": codec}).metadata.row_group(0).column(0).compression == codec


def test_row_groups() -> None:
    assert _file([{"a": n} for n in range(10)], {"rowGroupSize": 4}).metadata.num_row_groups == 3


def test_large_tables_are_made_beside_the_event_loop() -> None:
    assert _file([{"a": n, "b": "x"} for n in range(15_000)]).metadata.num_rows == 15_000


def test_the_file_is_a_buffer() -> None:
    check("$jsonToParquet({'a': 1}).byteLength > 100", True)
    check("$base64decode($base64encode($jsonToParquet({'a': 1}).slice(0, 4)))", "PAR1")


def test_nothing_to_write_is_an_error() -> None:
    for rows in ("[]", "missing", "null", "[null, 0]"):
        assert error(f"$jsonToParquet({rows})").message == (
            "$jsonToParquet received no rows to encode; a valid Parquet file requires at least one record"
        )
    for rows in ("[{}]", "[1]"):
        assert error(f"$jsonToParquet({rows})").message == (
            "$jsonToParquet received rows with no columns; a valid Parquet file requires at least one field"
        )


def test_without_the_extra_the_error_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert error("$jsonToParquet({'a': 1})").message == (
        "$jsonToParquet needs the extra `parquet`: pip install 'isthmus[parquet]'"
    )
