"""Which texts hold a network address, and that none is left."""

from __future__ import annotations

import time
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allotment.contract.addresses import ADDRESS, mask_addresses

ADDRESSES = [
    "192.0.2.1",
    "192.000.002.001",
    "10.1.2.3",
    "2001:db8::1",
    "2001:0db8:0000:0000:0000:0000:0000:0001",
    "2001:DB8:1:2:3:4:5:6",
    "fe80::1",
    "2001:db8::",
    "::ffff:c000:201",
]
TEXTS = [
    "{}",
    "\\n{}",
    "a\\t{}\\n",
    "from {}",
    "{}.",
    "{}, {}",
    '{{"x":"{}"}}',
    "ip={}&x=1",
    "client:{}",
    "{}: no",
    "({})",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("text", TEXTS)
def test_mask_addresses__in_any_text__gives_way(text: str, address: str) -> None:
    assert mask_addresses(text.format(address, address)) == text.format(ADDRESS, ADDRESS)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("http://[2001:db8::1]:8080/x", f"http://[{ADDRESS}]:8080/x"),
        ("http://192.0.2.1:8080/x", f"http://{ADDRESS}:8080/x"),
        ("192.0.2.0/24", f"{ADDRESS}/24"),
        ("fe80::1%eth0", f"{ADDRESS}%eth0"),
        ("a=2001%3Adb8%3A%3A1&b", f"a={ADDRESS}&b"),
        ("2001%3adb8%3a%3a1", ADDRESS),
        ("192.0.2.1.", f"{ADDRESS}."),
        ("::ffff:192.0.2.1", f"{ADDRESS}:{ADDRESS}"),
    ],
)
def test_mask_addresses__with_port_zone_or_escapes__gives_way(text: str, masked: str) -> None:
    assert mask_addresses(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:00:00.123Z",
        "2026-11-22 10:00:00",
        "/analytics/product_metrics/web/base/1.3.0",
        "Mozilla/5.0 Chrome/120.0.0.0 Safari/537.36",
        "version 1.2.3.4.5",
        "1.2.3.256",
        "300.1.2.3",
        "http://127.0.0.1:8001/wiki/A",
        "::1",
        "0.0.0.0",
        "std::move, a :: b, ::",
        "aa:bb:cc:dd:ee:ff",
        "1:2:3:4:5:6:7:8:9",
        "masked:address",
        "a55d4edd-9316-407f-9d31-70d062881893",
        "",
    ],
)
def test_mask_addresses__what_is_nobodys__stays(text: str) -> None:
    assert mask_addresses(text) == text


@given(
    st.ip_addresses(), st.text(" ,;\"'{}[]()=&x\n", max_size=1), st.text(" ,;\"'{}]", max_size=1)
)
def test_mask_addresses__any_address__is_not_left(
    address: IPv4Address | IPv6Address, before: str, after: str
) -> None:
    nobodys = address.is_loopback or address.is_unspecified or str(address).endswith(".0.0.0")
    if not nobodys and before != "x":
        assert str(address) not in mask_addresses(f"{before}{address}{after}")
        assert ADDRESS in mask_addresses(f"{before}{address}{after}")


@given(st.text("0123456789abf.:%3A \n", max_size=60))
def test_mask_addresses__twice__as_once(text: str) -> None:
    once = mask_addresses(text)
    assert mask_addresses(once) == once


@pytest.mark.parametrize(
    "text", ["1." * 32_000, ":" * 64_000, "a:" * 32_000, "0:0::" * 13_000, "%3A" * 21_000]
)
def test_mask_addresses__made_to_be_slow__is_not(text: str) -> None:
    begun = time.process_time()
    mask_addresses(text)
    assert time.process_time() - begun < 0.5
