"""Where alerts may not go: every listed network at both ends, in every spelling; what allows it, and what never."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luota_svc.rules.address_guard import DENIED, NEVER, host_refusal, refusal

_WIDE = {ord(letter): ord(letter) + 0xFEE0 for letter in "0123456789."}


def _words(text: str) -> list[str]:
    return text.split()


EVERYTHING = (ip_network("0.0.0.0/0"), ip_network("::/0"))
SETTING = "LUOTA_DELIVERY_ALLOWED_SUBNETS"
PUBLIC = ["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"]
PUBLIC += ["128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255"]
PUBLIC += ["192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "168.63.129.15"]
PUBLIC += ["2606:4700:4700::1111", "2a00:1450::1", "2001:4860:4860::8888", "2001:200::1", "2003::1", "3ffe::1"]

# The published list, written out once more: an entry that is lost from the rules is missed here.
LISTED = _words("""
10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8 169.254.0.0/16 0.0.0.0/8 100.64.0.0/10 192.0.0.0/24 192.0.2.0/24
192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 ::/128 ::1/128 fe80::/10 fc00::/7
ff00::/8 2001:db8::/32 3fff::/20 100::/64 2002::/16 64:ff9b::/96 64:ff9b:1::/48 5f00::/16 ::/96 fec0::/10 2001::/32
fd00:ec2::254/128 fe80::a9fe:a9fe/128
""")


@pytest.mark.parametrize("network", LISTED)
def test_every_listed_network_is_refused_at_both_its_ends(network: str):
    ends = (ip_network(network)[0], ip_network(network)[-1])
    for address in map(str, ends):
        reason = refusal(address, ())
        assert reason is not None
        assert reason.startswith(address)
        assert SETTING in reason or "no setting allows that" in reason
        host = f"[{address}]" if ":" in address else address
        assert host_refusal(host, ()) == reason


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_not_refused(address: str):
    assert refusal(address, ()) is None
    assert host_refusal(address, ()) is None


@pytest.mark.parametrize("entry", DENIED, ids=lambda entry: str(entry.network))
def test_what_is_denied_may_be_allowed_by_the_operator(entry):
    # Not its first address: of some that is one which never may.
    address = str(entry.network[-1])
    assert SETTING in (refusal(address, ()) or "")
    assert refusal(address, EVERYTHING) is None


@pytest.mark.parametrize("entry", NEVER, ids=lambda entry: str(entry.network))
def test_what_gives_credentials_away_is_never_allowed(entry):
    for address in (entry.network[0], entry.network[-1]):
        for allowed in ((), EVERYTHING, (entry.network,)):
            assert "no setting allows that" in (refusal(str(address), allowed) or "")


DETOURS = [
    "::ffff:{0}",
    "::{0}",
    "::ffff:0:{0}",
    "64:ff9b::{0}",
    "64:ff9b:1::{0}",
    "64:ff9b:1:{1:02x}{2:02x}:{3:02x}:{4:02x}00::",
    "64:ff9b:1:00{1:02x}:{2:02x}:{3:02x}{4:02x}::",
    "2002:{1:02x}{2:02x}:{3:02x}{4:02x}::1",
    "2001:0:{1:02x}{2:02x}:{3:02x}{4:02x}::1",
]


@pytest.mark.parametrize("detour", DETOURS)
@pytest.mark.parametrize("inner", ["169.254.169.254", "100.100.100.200"])
def test_no_detour_leads_to_credentials_even_where_everything_is_allowed(detour: str, inner: str):
    address = str(ip_address(detour.format(inner, *IPv4Address(inner).packed)))
    assert "no setting allows that" in (refusal(address, EVERYTHING) or "")
    assert "no setting allows that" in (host_refusal(f"[{address}]", EVERYTHING) or "")


def test_a_detour_that_is_allowed_opens_nothing_private():
    nat64 = (ip_network("64:ff9b::/96"),)
    assert refusal("64:ff9b::8.8.8.8", nat64) is None
    assert "would have to allow 10.1.2.3" in (refusal("64:ff9b::10.1.2.3", nat64) or "")
    assert refusal("64:ff9b::10.1.2.3", (*nat64, ip_network("10.0.0.0/8"))) is None


def test_an_ipv4_address_is_judged_alike_however_it_is_mapped_or_allowed():
    assert refusal("::ffff:8.8.8.8", ()) is None
    assert refusal("::ffff:10.1.2.3", (ip_network("10.0.0.0/8"),)) is None
    assert refusal("10.1.2.3", (ip_network("::ffff:10.0.0.0/104"),)) is None
    assert refusal("10.1.2.3", (ip_network("10.1.2.4/32"),)) is not None


def test_the_zone_of_an_address_hides_nothing_and_nonsense_is_refused():
    assert refusal("fe80::1%eth0", ()) is not None
    assert refusal("169.254.169.254%1", EVERYTHING) is not None
    assert refusal("example.org", EVERYTHING) is not None
    assert refusal("", EVERYTHING) is not None


LOOPBACKS = _words("""
127.0.0.1 127.0.0.1. 127.1 127.0.1 0x7f.1 0x7f.0.0.1 0X7F000001 2130706433 0177.0.0.1 017700000001 0x7f.0x0.0x0.0x1
[::1] ::1 [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:0:0:1] %31%32%37.0.0.1 127%2e0%2e0%2e1
localhost LOCALHOST localhost. a.localhost A.B.LocalHost. ip6-localhost localhost.localdomain 0 0.0.0.0
127。0。0。1 127｡0｡0｡1 ①②⑦.⓪.⓪.① ⑫7.0.0.1 ⓛⓞⓒⓐⓛⓗⓞⓢⓣ 127.0.0.1\u200b lo\u00adcalhost
""")
LOOPBACKS.append("127.0.0.1".translate(_WIDE))


@pytest.mark.parametrize("host", LOOPBACKS)
def test_this_machine_is_refused_however_it_is_spelled(host: str):
    assert SETTING in (host_refusal(host, ()) or "")


@pytest.mark.parametrize(
    "host", ["0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "169.254.43518", "[fd00:ec2::254]"]
)
def test_credentials_are_refused_however_they_are_spelled(host: str):
    assert "no setting allows that" in (host_refusal(host, EVERYTHING) or "")


@pytest.mark.parametrize(
    "host", ["metadata.google.internal", "metadata.google.internal.", "METADATA.GOOG", "instance-data"]
)
def test_names_that_clouds_give_their_credentials_are_refused(host: str):
    assert "no setting allows that" in (host_refusal(host, EVERYTHING) or "")


@pytest.mark.parametrize("host", ["0x08.8.8.8", "134744072", "8.8.2056", "010.010.010.010"])
def test_an_odd_spelling_of_a_public_address_is_refused_with_the_plain_one(host: str):
    assert "write that" in (host_refusal(host, ()) or "")


@pytest.mark.parametrize("host", ["1.2.3.4.5", "256.1.1.1", "4294967296", "1.2.3.08", "example.1", "9" * 5000])
def test_a_number_that_is_no_address_is_refused(host: str):
    assert "neither a name nor an address" in (host_refusal(host, ()) or "")


@pytest.mark.parametrize(
    "host",
    [
        "hooks.example.org",
        "xn--bcher-kva.example",
        "bücher.example",
        "localhost.example",
        "notlocalhost",
        "a1",
        "1a.de",
    ],
)
def test_a_name_is_judged_when_it_is_dialled(host: str):
    assert host_refusal(host, ()) is None


def test_loopback_that_is_allowed_is_allowed_by_name_too():
    both = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    assert host_refusal("localhost", both) is None
    assert host_refusal("127.0.0.1", both[:1]) is None
    assert "::1" in (host_refusal("localhost", both[:1]) or "")


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_refused_exactly_where_a_network_holds_it(number: int):
    address = IPv4Address(number)
    listed = any(address in entry.network for entry in (*NEVER, *DENIED))
    assert (refusal(str(address), ()) is not None) == listed
    assert (refusal(f"::ffff:{address}", ()) is not None) == listed
    # What is global to the library and refused here, is listed; nothing that is not global to it is let pass.
    assert listed or address.is_global


@given(st.integers(0, 2**128 - 1) | st.integers(0, 2**125 - 1).map(lambda number: number | 1 << 125))
def test_an_ipv6_address_that_passes_is_global_in_every_book(number: int):
    address = IPv6Address(number)
    if refusal(str(address), ()) is None and address.ipv4_mapped is None:
        assert address.is_global
        assert address in ip_network("2000::/3")
        assert not address.is_multicast


@given(st.text(max_size=60))
def test_no_host_makes_the_judgement_fail(host: str):
    host_refusal(host, ())
    refusal(host, EVERYTHING)
