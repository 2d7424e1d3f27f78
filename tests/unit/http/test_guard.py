from __future__ import annotations

import pytest

from isthmus.errors import EgressDenied
from isthmus.http.guard import Guard, parse_literal_address

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "2001::1",
    "::ffff:127.0.0.1",
    "::ffff:a00:1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "not an address",
    "",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize("ip", PRIVATE)
def test_an_address_that_is_not_on_the_internet_is_refused(ip: str) -> None:
    with pytest.raises(EgressDenied, match=r"internal\.test is, or resolves to"):
        Guard().require_permitted("internal.test", ip)


@pytest.mark.parametrize("ip", PUBLIC)
def test_an_address_on_the_internet_is_let_through(ip: str) -> None:
    Guard().require_permitted("api.test", ip)


@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]
)
def test_an_allowed_network_is_let_through_in_each_of_its_spellings(ip: str) -> None:
    Guard(["127.0.0.0/8"]).require_permitted("localhost", ip)


def test_allowing_one_network_opens_no_other() -> None:
    guard = Guard(["127.0.0.0/8"])
    assert not guard.is_permitted("10.0.0.1")
    assert not guard.is_permitted("::1")
    assert guard.is_permitted("8.8.8.8")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("0x7f.0.0.0x1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("0XA9FEA9FE", "169.254.169.254"),
        ("[::1]", "::1"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ("api.test", None),
        ("h2", None),
        ("", None),
        (".", None),
        ("1\0", None),
        ("\ud8001", None),
    ],
)
def test_a_literal_address_is_recognised_in_any_spelling(host: str, address: str | None) -> None:
    assert parse_literal_address(host) == address


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f.1", "[::ffff:10.0.0.1]", "[fd00::1]"])
def test_a_literal_private_host_is_refused_before_anything_is_resolved(host: str) -> None:
    with pytest.raises(EgressDenied):
        Guard().check_target("https", host)


@pytest.mark.parametrize("scheme", ["ftp", "file", "gopher", ""])
def test_only_http_and_https_are_called(scheme: str) -> None:
    with pytest.raises(EgressDenied, match="Only http and https"):
        Guard().check_target(scheme, "api.test")
