"""Decodes content encodings within bounds: a small body that unpacks to a huge one is refused."""

from __future__ import annotations

import zlib
from typing import Final, Protocol

from isthmus.errors import UpstreamInvalid

__all__ = ["ACCEPTED", "Decoder", "make_decoder"]

ACCEPTED: Final = "gzip, deflate"

_GZIP: Final = 16 + zlib.MAX_WBITS
_MAX_EMPTY_MEMBERS: Final = 100
_MAX_PIECE: Final = 4 * 1024


class Decoder(Protocol):
    """Decodes a body piece by piece."""

    def feed(self, data: bytes, room: int) -> bytes:
        """Decodes the next piece of the body. Returns the bytes that `data` unpacks to, cut after `room + 1`
        of them so that the caller sees the excess. `room`: bytes that still fit. Raises UpstreamInvalid for
        data that is not of the encoding."""
        ...

    def finish(self) -> None:
        """Raises UpstreamInvalid where the data is incomplete."""
        ...


class _Inflate:
    """Decodes gzip and deflate data."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._engine: zlib._Decompress | None = None
        self._members = 0
        self._is_empty = True
        self._empty_members = 0

    def feed(self, data: bytes, room: int) -> bytes:
        """Decodes a piece of the body: see `Decoder.feed`."""
        unpacked_data = bytearray()
        view, position = memoryview(data), 0
        try:
            while position < len(view) and len(unpacked_data) <= room:
                engine = self._choose_engine(view[position])
                if _is_at_end(engine):
                    break  # what follows deflate data belongs to nothing
                # At its end a member copies what follows: each of many would copy all the rest.
                piece = view[position : position + _MAX_PIECE] if self._members > 1 else view[position:]
                unpacked = engine.decompress(piece, room + 1 - len(unpacked_data))
                unpacked_data += unpacked
                position += len(piece) - len(engine.unconsumed_tail or engine.unused_data)
                self._is_empty = self._is_empty and not unpacked
                if _is_at_end(engine):
                    self._count_member()
        except zlib.error as error:
            raise UpstreamInvalid(f"The provider's answer is not valid {self._encoding} data.") from error
        return bytes(unpacked_data)

    def finish(self) -> None:
        """Raises UpstreamInvalid where the data is incomplete."""
        if self._engine is not None and not self._engine.eof:
            raise UpstreamInvalid(f"The provider's {self._encoding} answer ended before its end.")

    def _choose_engine(self, first: int) -> zlib._Decompress:
        """Returns the zlib engine for the byte `first`. A gzip body may consist of several members (RFC 1952
        §2.2), each of which needs a new engine; deflate data that ended is not continued."""
        if self._engine is None or (self._engine.eof and self._encoding == "gzip"):
            self._engine = (
                zlib.decompressobj(_GZIP) if self._encoding == "gzip" else _make_deflate_engine(first)
            )
            self._members += 1
            self._is_empty = True
        return self._engine

    def _count_member(self) -> None:
        """Counts the end of a gzip member. Raises UpstreamInvalid for too many empty members in a row: they
        take time, and no room, so the limit of the body does not stop them."""
        self._empty_members = self._empty_members + 1 if self._is_empty else 0
        if self._empty_members > _MAX_EMPTY_MEMBERS:
            raise UpstreamInvalid(
                f"The provider's answer has more than {_MAX_EMPTY_MEMBERS} empty gzip members in a row."
            )


def _is_at_end(engine: zlib._Decompress) -> bool:
    """Returns True if the engine has read the end of its data. A function, because each call of the engine
    changes that."""
    return engine.eof


def _make_deflate_engine(first: int) -> zlib._Decompress:
    """Returns the zlib engine for deflate data that begins with this byte. Servers send both the zlib format
    (RFC 9110 §8.4.1.2) and raw deflate data under this name."""
    return zlib.decompressobj(zlib.MAX_WBITS if first & 0x0F == 8 else -zlib.MAX_WBITS)


def make_decoder(encoding: str) -> Decoder | None:
    """Returns the decoder of a `Content-Encoding`; None for `identity`. Raises UpstreamInvalid for an
    encoding that was not asked for."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return None
    if name in {"gzip", "x-gzip"}:
        return _Inflate("gzip")
    if name == "deflate":
        return _Inflate("deflate")
    raise UpstreamInvalid(
        f"The provider answered in the content encoding {name[:40]!r}, which was not asked for."
    )
