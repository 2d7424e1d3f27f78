"""Runs definitions: a call and a definition in, a request out through a port, an answer back.

No I/O of its own: what sends is handed in as an `Upstream` (`ports.py`). The stages are named immutable
values: `Call` (what the caller asked, `calls.py`) -> `OutgoingRequest` (`messages.py`) -> `HttpResponse`
-> `Page` (`pages.py`) -> `ListResult | ValueResult | StreamResult` (`results.py`).
"""
