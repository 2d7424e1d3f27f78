"""Host values: what expressions can hold beside JSON (`functions.md` §6), immutable, one module a kind.

`HOSTS` are their registrations for a library: which members expressions see, and what leaves an
evaluation in their place.
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
    "HOSTS",
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

HOSTS: Final[tuple[HostType, ...]] = (
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
