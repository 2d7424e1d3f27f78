"""Content encodings, bounded: a small body that unpacks into a huge one is refused, not unpacked."""

from __future__ import annotations

import zlib
from typing import Final, Protocol

from isthmus.errors import UpstreamInvalid

__all__ = ["ACCEPTED", "Decoder", "decoder_for"]

ACCEPTED: Final = "gzip, deflate"

_GZIP: Final = 16 + zlib.MAX_WBITS


class Decoder(Protocol):
    def feed(self, data: bytes, room: int) -> bytes:
        """What `data` unpacks to, cut after `room + 1` bytes so that the caller sees that it is too much.
        Raises UpstreamInvalid for data that is not of the encoding."""
        ...

    def finish(self) -> None:
        """Raises UpstreamInvalid where the data ended too early."""
        ...


class _Inflate:
    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._engine = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
        self._fed = False

    def feed(self, data: bytes, room: int) -> bytes:
        out = bytearray()
        try:
            while data and len(out) <= room:
                engine = self._engine = self._engine or _deflate_engine(data)
                self._fed = True
                out += engine.decompress(data, room + 1 - len(out))
                data = engine.unconsumed_tail or engine.unused_data
                if engine.eof:
                    # A gzip body may be several members after one another (RFC 1952 §2.2).
                    self._engine = zlib.decompressobj(_GZIP) if data and self._encoding == "gzip" else engine
                    if self._engine is engine:
                        break
        except zlib.error as error:
            raise UpstreamInvalid(f"The provider's answer is not valid {self._encoding} data.") from error
        return bytes(out)

    def finish(self) -> None:
        if self._fed and self._engine is not None and not self._engine.eof:
            raise UpstreamInvalid(f"The provider's {self._encoding} answer ended before its end.")


def _deflate_engine(data: bytes) -> zlib._Decompress:
    """Servers send both the zlib format (RFC 9110 §8.4.1.2) and bare deflate data under this name."""
    return zlib.decompressobj(zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS)


def decoder_for(encoding: str) -> Decoder | None:
    """The decoder of a `Content-Encoding`; None for none. Raises UpstreamInvalid for one not asked for."""
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
