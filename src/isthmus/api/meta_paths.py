"""Which paths below `/unified` are no calls of the data plane but questions about it (`api.md` §4.2).

`meta` is reserved: it names neither a model nor a resource.
"""

from __future__ import annotations

__all__ = ["meta_segments"]


def meta_segments(verb: str, segments: tuple[str, ...]) -> tuple[str, ...] | None:
    """The path under which the platform application serves it; None for every other path.

    `/custom/unified/…/meta/…` is the same question, as some clients can only ask it (`api.md` A25).
    """
    if segments[:2] == ("custom", "unified") and verb == "GET":
        segments = segments[1:]
    if segments[:1] != ("unified",):
        return None
    is_meta = (
        (len(segments) == 4 and segments[1] == "meta")
        or (len(segments) == 5 and segments[3] == "meta")
        or (len(segments) == 6 and segments[4] == "meta")
    )
    return segments if is_meta else None
