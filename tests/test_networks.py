"""Named sets of the vendor's addresses, what lies in them, and what is left of an address."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_idverify.config_values import networks
from flask_idverify.networks import NAMED, contains, shortened


def test_the_named_sets_are_the_union_of_both_lists_per_region() -> None:
    assert {name: len(found) for name, found in NAMED.items()} == {
        "jumio-us": 9,
        "jumio-eu": 6,
        "jumio-sgp": 6,
    }
    everything = [network for found in NAMED.values() for network in found]
    assert len(set(everything)) == len(everything), "no address stands in two regions"
    assert all(network.num_addresses == 1 and network.is_global for network in everything)


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("jumio-us", "54.183.15.212"),  # the Platform's list only
        ("jumio-us", "54.67.101.173"),  # Netverify's list only
        ("jumio-us", "34.202.241.227"),  # both
        ("jumio-eu", "52.209.180.134"),
        ("jumio-sgp", "52.64.132.26"),
    ],
)
def test_an_address_of_either_list_is_in_its_region_and_no_other(region: str, address: str) -> None:
    assert [name for name in NAMED if contains(NAMED[name], address)] == [region]


def test_obsolete_addresses_are_not_included() -> None:
    for address in ("104.130.61.196", "162.13.228.132"):
        assert not any(contains(found, address) for found in NAMED.values())


def test_sets_ranges_and_addresses_are_read_from_a_list_or_one_text() -> None:
    mixed = networks("jumio-eu, 203.0.113.0/24 2001:db8::/32,198.51.100.7")
    assert mixed == networks(["jumio-eu", "203.0.113.0/24", "2001:db8::/32", "198.51.100.7"])
    assert len(mixed) == 9
    assert networks(["jumio-eu", "jumio-eu", "34.253.41.236"]) == NAMED["jumio-eu"]


def test_ipv4_ranges_in_the_spelling_of_ipv6_are_ipv4_ranges() -> None:
    mixed = networks("::ffff:203.0.113.0/120, ::ffff:198.51.100.7, ::ffff:0:0/96, ::/0")
    assert mixed == networks("203.0.113.0/24, 198.51.100.7, 0.0.0.0/0, ::/0")
    for address in ("203.0.113.9", "::ffff:203.0.113.9"):
        assert contains(networks("::ffff:203.0.113.0/120"), address)
    assert not contains(networks("::ffff:203.0.113.0/120"), "203.0.114.9")


@pytest.mark.parametrize("bad", ["jumio-moon", "203.0.113.1/24", "300.1.1.1", "example.com", "*"])
def test_anything_else_is_refused_and_not_quoted(bad: str) -> None:
    with pytest.raises(ValueError, match="jumio-us") as caught:
        networks(["jumio-eu", bad])
    assert bad not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("203.0.113.9", True),
        ("::ffff:203.0.113.9", True),
        ("::FFFF:cb00:7109", True),
        ("203.0.114.9", False),
        ("::203.0.113.9", False),
        ("2001:db8::1", True),
        ("2001:db8::1%eth0", True),
        ("2001:db9::1", False),
        ("", False),
        (None, False),
        ("unix:", False),
        ("203.0.113.9:4711", False),
        ("203.0.113.9, 8.8.8.8", False),
        ("0xcb.0.113.9", False),
    ],
)
def test_an_address_is_inside_by_its_value_not_by_its_spelling(
    address: str | None, *, inside: bool
) -> None:
    assert contains(networks("203.0.113.0/24,2001:db8::/32"), address) is inside


@pytest.mark.parametrize(
    ("address", "left"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8::/32"),
        ("nonsense", None),
        (None, None),
    ],
)
def test_what_is_left_of_an_address_names_no_person(address: str | None, left: str | None) -> None:
    assert shortened(address) == left


@given(address=st.ip_addresses())
def test_every_address_lies_in_what_is_left_of_it(address: object) -> None:
    left = shortened(str(address))
    assert left is not None
    assert contains((ip_network(left),), str(address))


@given(text=st.text(max_size=40))
def test_no_text_crashes_the_comparison(text: str) -> None:
    contains(NAMED["jumio-eu"], text)
    shortened(text)
