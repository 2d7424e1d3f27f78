"""Host values: the immutable values other than JSON that expressions can hold, such as files and date-times.

`HOST_TYPES` registers them for a library: the members that expressions see, and what an evaluation returns in
their place. Users find them in `docs/reference/functions.md#host-values`.
"""

from __future__ import annotations

from typing import Final

from isthmus.expressions.host.blobs import BLOB, BUFFER, BYTES, ArrayBuffer, Blob
from isthmus.expressions.host.datetimes.durations import DURATION, Duration
from isthmus.expressions.host.datetimes.members import DATETIME
from isthmus.expressions.host.datetimes.value import DateTime
from isthmus.expressions.host.graphs import GRAPH, Graph
from isthmus.expressions.host.javascript_dates import DATE
from isthmus.expressions.host.responses import HEADERS, RESPONSE, Headers, Response
from isthmus.expressions.host.streams import READER, STREAM, Stream, StreamReader
from isthmus.expressions.host.urls import SEARCH_PARAMS, URL, SearchParams, Url
from isthmus.expressions.host_value import Host
from isthmus.expressions.library import HostType

__all__ = [
    "HOST_TYPES",
    "ArrayBuffer",
    "Blob",
    "DateTime",
    "Duration",
    "Graph",
    "Headers",
    "Host",
    "Response",
    "SearchParams",
    "Stream",
    "StreamReader",
    "Url",
]

HOST_TYPES: Final[tuple[HostType, ...]] = (
    BLOB,
    BUFFER,
    BYTES,
    DATE,
    DATETIME,
    DURATION,
    GRAPH,
    HEADERS,
    READER,
    RESPONSE,
    SEARCH_PARAMS,
    STREAM,
    URL,
)
