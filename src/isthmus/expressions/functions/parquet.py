"""`$jsonToParquet`: rows of objects as a Parquet file, with the extra `parquet`."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.functions.arguments import get_options
from isthmus.expressions.functions.offloading import offload_if_heavy
from isthmus.expressions.host.blobs import ArrayBuffer, encode_text, extract_bytes
from isthmus.expressions.host.datetimes.value import DateTime
from isthmus.expressions.host_value import format_iso_utc
from isthmus.expressions.javascript import (
    as_list,
    clamp_to_integer,
    is_nil,
    is_number,
    is_truthy,
    to_double,
    to_json_text,
    to_text,
)
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["json_to_parquet"]

_MAX_ROW_GROUP_SIZE: Final = 1_000_000
_HEAVY_CELLS: Final = 20_000
_MAGIC: Final = b"PAR1"
_CODECS: Final = {"SNAPPY": "snappy", "GZIP": "gzip", "ZSTD": "zstd", "UNCOMPRESSED": "none"}
_INT32: Final = 2**31
_INT64: Final = 2**63


def json_to_parquet(
    evaluation: Evaluation, rows: object = UNDEFINED, options: object = UNDEFINED
) -> ArrayBuffer | Coroutine[Any, Any, ArrayBuffer]:
    """Rows of objects as a Parquet file.

    Columns are typed by their values: booleans, whole numbers (32 or 64 bits), doubles, dates, bytes, texts;
    lists and objects, and texts among them, are JSON; mixed values are text.

    Arguments:
        rows: the rows; a single one counts as a list; those that are null or empty are left out.
        options: `codec` (`SNAPPY`, the default, `GZIP`, `ZSTD`, `UNCOMPRESSED`), `rowGroupSize`.
    Null and missing: a missing value is null in its column.
    Errors: `$jsonToParquet received no rows to encode; …`; `$jsonToParquet received rows with no columns; …`.
    Example:
        $jsonToParquet([{"a": 1, "b": {"c": 2}}, {"a": 2}]).byteLength > 100
        => true
    """
    items = [row for row in as_list(rows) if is_truthy(row)]
    if not items:
        raise make_function_error(
            "jsonToParquet",
            "$jsonToParquet received no rows to encode; a valid Parquet file requires at least one record",
        )
    names: dict[str, None] = {}
    for row in items:
        if isinstance(row, Mapping):
            names.update(dict.fromkeys(row))
    if not names:
        raise make_function_error(
            "jsonToParquet",
            "$jsonToParquet received rows with no columns; a valid Parquet file requires at least one field",
        )
    limits = evaluation.limits
    if len(names) > limits.parquet_columns:
        raise evaluation.make_limit_error("parquet_columns", "jsonToParquet")
    cells = len(names) * len(items)
    if cells > limits.parquet_cells:
        raise evaluation.make_limit_error("parquet_cells", "jsonToParquet")
    evaluation.charge(cells * 10)
    columns = {_replace_surrogates(name): [_to_cell(row, name) for row in items] for name in names}
    return offload_if_heavy(_encode_file, columns, get_options(options), heavy=cells > _HEAVY_CELLS)


def _to_cell(row: object, name: str) -> object:
    """Return the value of a column in a row: a plain value, a datetime or bytes; None where it is missing."""
    value = row.get(name) if isinstance(row, Mapping) else None
    if value is UNDEFINED or (is_number(value) and value != value):
        return None
    if isinstance(value, DateTime):
        return datetime.fromtimestamp(value.epoch_ms / 1000, UTC) if value.is_valid else None
    if isinstance(value, str):
        return _replace_surrogates(value)
    data = extract_bytes(value)
    return value if data is None else data


def _replace_surrogates(value: str) -> str:
    """Return the text with lone surrogates, which UTF-8 cannot hold, as U+FFFD."""
    return encode_text(value).decode()


def _encode_file(columns: Mapping[str, list[object]], options: Mapping[str, object]) -> ArrayBuffer:
    """Return the file of columns by name, with the options of `$jsonToParquet`."""
    arrow, writer = _import_pyarrow()
    table = arrow.table({name: _build_column(arrow, values) for name, values in columns.items()})
    size = options.get("rowGroupSize")
    if isinstance(size, list):
        size = size[0] if size else None
    sink = io.BytesIO()
    writer.write_table(
        table,
        sink,
        compression=_CODECS.get(to_text(options.get("codec")), "snappy"),
        row_group_size=clamp_to_integer(size, 0, 0, _MAX_ROW_GROUP_SIZE) or None,
    )
    return ArrayBuffer(_check_file(sink.getvalue()))


def _import_pyarrow() -> tuple[Any, Any]:
    """Import and return `pyarrow` and `pyarrow.parquet`; raises ExpressionError where the extra `parquet`
    is not installed."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise make_function_error(
            "jsonToParquet", "$jsonToParquet needs the extra `parquet`: pip install 'isthmus[parquet]'"
        ) from None


def _build_column(arrow: Any, values: list[object]) -> Any:
    """Return a pyarrow array of the first type that fits all values that are present, else of texts."""
    present = [value for value in values if value is not None]
    for fits, build in _COLUMN_TYPES:
        if present and fits(present):
            return build(arrow, values)
    return arrow.array(
        [None if value is None else _convert_cell_to_text(value) for value in values], arrow.string()
    )


def _is_whole(value: object) -> bool:
    """Return whether a number is integral."""
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _make_type_check(kind: type | tuple[type, ...]) -> Callable[[list[object]], bool]:
    """Return a check whether all values of a list are of a type."""
    return lambda values: all(isinstance(value, kind) for value in values)


def _build_numbers(arrow: Any, values: list[object]) -> Any:
    """Return a pyarrow array of 32-bit or 64-bit integers, or of doubles where one is no such integer."""
    present = [value for value in values if is_number(value)]
    if not all(_is_whole(value) and -_INT64 <= value < _INT64 for value in present):
        doubles = [to_double(value) if is_number(value) else None for value in values]
        return arrow.array(doubles, arrow.float64())
    wide = any(not -_INT32 <= value < _INT32 for value in present)
    whole = [int(value) if is_number(value) else None for value in values]
    return arrow.array(whole, arrow.int64() if wide else arrow.int32())


def _build_json(arrow: Any, values: list[object]) -> Any:
    """Return a pyarrow array of JSON; texts are taken as JSON already."""
    texts = [
        None
        if value is None
        else value
        if isinstance(value, str)
        else _replace_surrogates(to_json_text(value))
        for value in values
    ]
    return arrow.array(texts, arrow.string()).cast(arrow.json_(arrow.string()))


# Whether a type fits the values that are present, and what builds its column: the first that fits is taken.
_COLUMN_TYPES: Final[
    tuple[tuple[Callable[[list[object]], bool], Callable[[Any, list[object]], Any]], ...]
] = (
    (lambda values: any(isinstance(value, (list, Mapping)) for value in values), _build_json),
    (_make_type_check(bool), lambda arrow, values: arrow.array(values, arrow.bool_())),
    (_make_type_check(datetime), lambda arrow, values: arrow.array(values, arrow.timestamp("ms", tz="UTC"))),
    (lambda values: all(is_number(value) for value in values), _build_numbers),
    (_make_type_check(bytes), lambda arrow, values: arrow.array(values, arrow.binary())),
)


def _convert_cell_to_text(value: object) -> str:
    """Return a cell of a column of mixed values as text."""
    return (
        format_iso_utc(value)
        if isinstance(value, datetime)
        else ""
        if is_nil(value)
        else _replace_surrogates(to_text(value))
    )


def _check_file(data: bytes) -> bytes:
    """Return the file itself; raises ExpressionError where its two marks or the length of its footer are
    wrong."""
    if not data:
        raise make_function_error("jsonToParquet", "$jsonToParquet produced an empty body")
    if len(data) < 12:
        raise make_function_error("jsonToParquet", "$jsonToParquet: the file is too small")
    if data[:4] != _MAGIC or data[-4:] != _MAGIC:
        raise make_function_error("jsonToParquet", "$jsonToParquet: invalid Parquet structure")
    (footer,) = struct.unpack("<I", data[-8:-4])
    if footer > len(data) - 12:
        raise make_function_error("jsonToParquet", "$jsonToParquet: corrupt Parquet footer")
    return data
