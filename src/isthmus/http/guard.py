"""Refuses requests into private networks (server-side request forgery).

The address that is about to be connected to is checked, so that a name that resolves differently the second
time gains nothing, and names, literal addresses and redirects are treated alike.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from isthmus.errors import EgressDenied

__all__ = ["Guard"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The special-purpose registry of IANA (RFC 6890 and later), without what is reachable on the internet.
_BLOCKED_4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_6: Final = IPv6Network("2000::/3")
_BLOCKED_6: Final = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20"))
_MAX_CHECKED_NAMES: Final = 4_096
_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")


class Guard:
    """Decides which addresses may be connected to. `allowed`: private networks that are permitted, for
    example `127.0.0.0/8`.

    Raises ValueError for a text that is no network.
    """

    def __init__(self, allowed: Iterable[str | Network] = ()) -> None:
        self._allowed: tuple[Network, ...] = tuple(
            ip_network(item) if isinstance(item, str) else item for item in allowed
        )

    def require_permitted(self, host: str, ip: str) -> None:
        """Raises EgressDenied where `ip`, the address of `host`, may not be connected to."""
        if not self.is_permitted(ip):
            raise self.make_denied_error(host)

    def is_permitted(self, ip: str) -> bool:
        """Returns True if this address may be connected to. `ip`: as a socket takes it; an IPv6 zone is
        ignored."""
        try:
            address = ip_address(ip.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        candidates = (address, *_find_embedded_addresses(address))
        if any(candidate in network for network in self._allowed for candidate in candidates):
            return True
        return all(_is_public(candidate) for candidate in candidates)

    def check_target(self, scheme: str, host: str) -> None:
        """Checks what is known before a name is resolved. Raises EgressDenied for another scheme than http
        and https, and for a host that is a refused address in any spelling that resolvers accept (`127.1`,
        `2130706433`, `0x7f000001`, `[::1]`)."""
        if scheme not in {"http", "https"}:
            raise EgressDenied(
                f"Only http and https addresses are called, and this one is {scheme or 'none'}."
            )
        literal = parse_literal_address(host)
        if literal is not None:
            self.require_permitted(host, literal)

    @staticmethod
    def make_denied_error(host: str) -> EgressDenied:
        """Returns the error for a host whose address is refused."""
        return EgressDenied(
            f"{host} is, or resolves to, an address in a private or reserved network, which is not called. "
            "The operator may allow its network in ISTHMUS_EGRESS_ALLOW."
        )


@lru_cache(_MAX_CHECKED_NAMES)
def parse_literal_address(host: str) -> str | None:
    """Returns the address that a host spells out; None for a name."""
    if ":" in host:
        return host.strip("[]")
    try:
        return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    except (OSError, ValueError):
        return None


def _find_embedded_addresses(address: Address) -> tuple[IPv4Address, ...]:
    """Returns the IPv4 addresses that a translator between the networks (NAT64, 6to4) would turn this one
    into."""
    if isinstance(address, IPv4Address):
        return ()
    if address in _NAT64 or address in _COMPATIBLE:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    return ()


def _is_public(address: Address) -> bool:
    """Returns True if the address is reachable on the internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _BLOCKED_4)
    if address in _NAT64:
        return True
    return address in _GLOBAL_6 and not any(address in network for network in _BLOCKED_6)
