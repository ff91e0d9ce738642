"""Which source address is charged."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.rules.address import UNKNOWN, bucket_address, source_address, unmapped

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "shown"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("ipv4:203.0.113.9:50112", "203.0.113.9"),
        ("ipv6:%5B2001:db8::1%5D:50112", "2001:db8::1"),
        ("ipv6:[2001:db8::1]:50112", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::1"),
        ("unix:", UNKNOWN),
        ("unix:/run/luota.sock", UNKNOWN),
        ("", UNKNOWN),
        (None, UNKNOWN),
        ("x" * 10_000, UNKNOWN),
    ],
)
def test_the_peer_is_the_source(peer, shown):
    assert source_address(peer, ["198.51.100.1"], TRUSTED) == shown


@given(st.lists(st.text(max_size=60), max_size=5))
def test_a_forged_header_of_an_untrusted_peer_chooses_nothing(values):
    assert source_address("203.0.113.9", values, TRUSTED) == "203.0.113.9"


@pytest.mark.parametrize(
    ("forwarded_for", "shown"),
    [
        ([], "10.0.0.1"),
        (["198.51.100.1"], "198.51.100.1"),
        (["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        (["1.1.1.1, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        (["1.1.1.1", "198.51.100.1", "10.9.9.9"], "198.51.100.1"),
        (["198.51.100.1, , 10.9.9.9,"], "198.51.100.1"),
        (["198.51.100.1:4711"], "198.51.100.1"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["[2001:db8::1]"], "2001:db8::1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["::ffff:198.51.100.1"], "198.51.100.1"),
        (["198.51.100.1, ::ffff:10.9.9.9"], "198.51.100.1"),
        (["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        (["198.51.100.1, unknown, 10.9.9.9"], "10.9.9.9"),
        (["198.51.100.1, unknown"], "10.0.0.1"),
        (["198.51.100.1 10.9.9.9"], "10.0.0.1"),
        (["198.51.100.1:http"], "10.0.0.1"),
        (["[::1"], "10.0.0.1"),
        (["[::1]80"], "10.0.0.1"),
        (["010.1.1.1"], "10.0.0.1"),
        (["9" * 5_000], "10.0.0.1"),
    ],
)
def test_behind_a_trusted_proxy_the_right_most_untrusted_hop_is_the_source(forwarded_for, shown):
    assert source_address("10.0.0.1", forwarded_for, TRUSTED) == shown


def test_only_the_last_32_hops_are_considered():
    chain = ", ".join(["198.51.100.1"] + ["10.0.0.2"] * 31)
    assert source_address("10.0.0.1", [chain], TRUSTED) == "198.51.100.1"
    assert source_address("10.0.0.1", [chain + ", 10.0.0.3"], TRUSTED) == "10.0.0.2"
    assert source_address("10.0.0.1", ["198.51.100.1"] + ["10.0.0.2"] * 32, TRUSTED) == "10.0.0.2"


@given(st.lists(st.text(alphabet="0123456789.:,[] abcdef%", max_size=80), max_size=4))
def test_the_answer_is_always_an_address(values):
    ip_address(source_address("10.0.0.1", values, TRUSTED))


def test_no_trusted_network_means_that_no_header_counts():
    assert source_address("10.0.0.1", ["198.51.100.1"], ()) == "10.0.0.1"


@pytest.mark.parametrize(
    ("address", "bucket"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        (UNKNOWN, UNKNOWN),
    ],
)
def test_a_bucket_is_one_ipv4_address_or_one_ipv6_64(address, bucket):
    assert bucket_address(address) == bucket


@pytest.mark.parametrize(
    ("network", "plain"), [("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("::1", "::1/128"), ("10.0.0.0/8", "10.0.0.0/8")]
)
def test_a_network_of_ipv4_written_as_ipv6_is_the_ipv4_one(network, plain):
    assert str(unmapped(ip_network(network))) == plain
