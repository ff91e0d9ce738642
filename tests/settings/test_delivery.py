"""How alerts leave: where to, through what, how often. A bad value is refused in words that show no password."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from luota_svc.settings import Secret, SettingsError, effective, load

DEFAULT_DELAYS = (0, 5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800)


def refused(name: str, text: str) -> str:
    with pytest.raises(SettingsError) as error:
        load({name: text})
    (problem,) = error.value.problems
    assert problem.startswith(name)
    return problem


def test_by_default_public_addresses_over_tls_and_ten_attempts():
    delivery = load({}).delivery
    assert delivery.allowed_subnets == ()
    assert not delivery.allow_http
    assert delivery.ca_file is None
    assert delivery.proxy_url is None
    assert delivery.retry_delays == DEFAULT_DELAYS


def test_what_an_operator_decides_is_read():
    delivery = load(
        {
            "LUOTA_DELIVERY_ALLOWED_SUBNETS": "10.20.0.0/16, fd12::/48",
            "LUOTA_DELIVERY_ALLOW_HTTP": "Yes",
            "LUOTA_DELIVERY_PROXY_URL": "http://bot:pa%40ss@proxy:3128",
            "LUOTA_DELIVERY_RETRY_DELAYS": "0, 1,2",
        }
    ).delivery
    assert delivery.allowed_subnets == (ip_network("10.20.0.0/16"), ip_network("fd12::/48"))
    assert delivery.allow_http
    assert delivery.proxy_url == Secret("http://bot:pa%40ss@proxy:3128")
    assert delivery.retry_delays == (0, 1, 2)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LUOTA_DELIVERY_ALLOWED_SUBNETS", "10.0.0.0/33"),
        ("LUOTA_DELIVERY_ALLOWED_SUBNETS", "intranet"),
        ("LUOTA_DELIVERY_ALLOW_HTTP", "perhaps"),
        ("LUOTA_DELIVERY_CA_FILE", "/nowhere/ca.pem"),
        ("LUOTA_DELIVERY_RETRY_DELAYS", "0,,5"),
        ("LUOTA_DELIVERY_RETRY_DELAYS", "-1"),
        ("LUOTA_DELIVERY_RETRY_DELAYS", "0.5"),
        ("LUOTA_DELIVERY_RETRY_DELAYS", "86401"),
        ("LUOTA_DELIVERY_RETRY_DELAYS", ",".join(["1"] * 21)),
        ("LUOTA_DELIVERY_PROXY_URL", "socks5://proxy:1080"),
    ],
)
def test_nonsense_is_refused(name: str, text: str):
    refused(name, text)


@pytest.mark.parametrize(
    "text",
    [
        "http://bot:hunter2@",
        "http://bot:hunter2/more@proxy:3128",
        "http://bot:hunter2@proxy:31x28",
        "http://bot:hunter2@proxy/path",
    ],
)
def test_a_bad_proxy_is_refused_without_its_password(text: str):
    assert "hunter2" not in refused("LUOTA_DELIVERY_PROXY_URL", text)


def test_a_file_without_certificates_is_refused(tmp_path: Path):
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    assert "no certificates" in refused("LUOTA_DELIVERY_CA_FILE", str(file))


def test_the_proxys_password_is_neither_shown_nor_logged():
    settings = load({"LUOTA_DELIVERY_PROXY_URL": "http://bot:hunter2@proxy:3128"})
    shown = {line.name: line.value for line in effective(settings)}
    assert shown["LUOTA_DELIVERY_PROXY_URL"] == "http://bot:***@proxy:3128"
    assert shown["LUOTA_DELIVERY_ALLOW_HTTP"] == "no"
    assert "hunter2" not in repr(settings)
    assert "hunter2" in settings.secrets()


def test_dev_may_tell_receivers_on_its_own_machine():
    delivery = load({"LUOTA_DELIVERY_ALLOWED_SUBNETS": "10.0.0.0/8"}).with_receivers_here().delivery
    assert delivery.allow_http
    assert [str(network) for network in delivery.allowed_subnets] == ["10.0.0.0/8", "127.0.0.0/8", "::1/128"]


def test_another_monitors_address_is_kept_and_shown_as_far_as_its_host():
    url = "https://hc.example.org/ping/0197b2c4-5ecr-7000?rid=s3cret"
    settings = load({"LUOTA_DEADMAN_URL": url})
    assert settings.delivery.deadman_url is not None
    assert settings.delivery.deadman_url.reveal() == url
    [shown] = [each.value for each in effective(settings) if each.name == "LUOTA_DEADMAN_URL"]
    assert shown == "https://hc.example.org/***"
    assert {url, "ping/0197b2c4-5ecr-7000", "rid=s3cret"} <= set(settings.secrets())
    assert load({}).delivery.deadman_url is None


@pytest.mark.parametrize(
    "url", ["hc.example.org/x", "ftp://hc.example.org/", "https://", "https://a:b@hc.example.org/x"]
)
def test_what_is_no_address_of_another_monitor_is_refused_without_showing_it(url):
    assert "a:b" not in refused("LUOTA_DEADMAN_URL", url)


def test_another_monitors_address_without_tls_is_refused_at_the_start_unless_that_is_allowed():
    url = "http://hc.example.org/s3cret"
    problem = refused("LUOTA_DEADMAN_URL", url)
    assert "LUOTA_DELIVERY_ALLOW_HTTP" in problem
    assert "s3cret" not in problem
    assert load({"LUOTA_DEADMAN_URL": url, "LUOTA_DELIVERY_ALLOW_HTTP": "yes"}).delivery.deadman_url is not None
    assert load({"LUOTA_DEADMAN_URL": url}, dev=True).with_receivers_here().delivery.allow_http


@pytest.mark.parametrize(
    ("network", "never"),
    [
        ("169.254.169.254", "169.254.0.0/16"),
        ("169.254.0.0/16", "169.254.0.0/16"),
        ("168.63.129.16/32", "168.63.129.16/32"),
        ("fd00:ec2::254", "fd00:ec2::254/128"),
        ("::ffff:169.254.0.0/112", "169.254.0.0/16"),
    ],
)
def test_a_network_that_stays_closed_whatever_is_set_is_refused_with_its_reason(network: str, never: str):
    problem = refused("LUOTA_DELIVERY_ALLOWED_SUBNETS", f"10.0.0.0/8,{network}")
    assert f"lies within {never}" in problem
    assert "no setting allows that" in problem


@pytest.mark.parametrize("network", ["169.0.0.0/8", "fd00::/8", "100.64.0.0/10"])
def test_a_network_that_holds_more_than_what_stays_closed_may_be_allowed(network: str):
    assert load({"LUOTA_DELIVERY_ALLOWED_SUBNETS": network}).delivery.allowed_subnets == (ip_network(network),)
