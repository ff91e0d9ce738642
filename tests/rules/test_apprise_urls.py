"""Which Apprise URLs a route may hold; and that the list of services is what the library and the fence can bear."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import apprise
import pytest
from apprise.manager_plugins import NotificationManager

from luota_svc.model.apprise_services import APPRISE_SERVICES, LEFT_OUT, OWN_KINDS
from luota_svc.rules.apprise_urls import apprise_refusal

PLUGINS = Path(apprise.__file__).parent / "plugins"
# Beside the standard library. The last four encrypt or sign; simplepush does without the last where it is not there.
BEARABLE = {"requests", "requests_oauthlib", "cryptography", "nacl"}
# Of the standard library: what reaches out past `requests`.
REACHING = {
    "asyncio",
    "ctypes",
    "ftplib",
    "http",
    "imaplib",
    "multiprocessing",
    "smtplib",
    "socket",
    "ssl",
    "subprocess",
}


@pytest.mark.parametrize(
    "url",
    [
        "jsons://example.org/hook",
        "JSONS://example.org/hook",
        "tgram://123456789:AbCdEf/12315544",
        "ntfys://topic",
        "discord://123456789012345678/AbCdEf?verify=yes",
        "matrixs://name:word@example.org/#room",
        "gotifys://example.org:8443/AbCdEf",
    ],
)
def test_services_over_tls_may_be_told(url: str) -> None:
    assert apprise_refusal(url) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "must be an Apprise URL"),
        ("nonsense", "must be an Apprise URL"),
        ("jsons://", "must be an Apprise URL"),
        ("jsons://a.example b.example", "without white space"),
        ("jsons://a.example\n", "without white space"),
        ("jsons://" + "a" * 5_000, "longer than 4096"),
        ("json://example.org/hook", "write jsons:// in place of json://"),
        ("ntfy://topic", "write ntfys:// in place of ntfy://"),
        ("https://example.org/hook", "kind webhook"),
        ("slack://a/b/c", "kind slack"),
        ("pagerduty://a@b", "kind pagerduty"),
        ("mailtos://a:b@example.org", "kind email"),
        ("gnome://", "must be an Apprise URL"),
        ("gnome://x", "not among the services"),
        ("syslog://x", "not among the services"),
        ("dbus://x", "not among the services"),
        ("windows://x", "not among the services"),
        ("macosx://x", "not among the services"),
        ("mqtts://example.org/topic", "not among the services"),
        ("file:///etc/passwd", "not among the services"),
        ("jsons://example.org/?verify=no", "verify=no"),
        ("jsons://example.org/?VERIFY=False", "verify=no"),
        ("jsons://example.org/?verify=%6eo", "verify=no"),
        ("jsons://[::1/", "not escaped"),
    ],
)
def test_the_others_are_refused_with_what_to_do(url: str, words: str) -> None:
    refusal = apprise_refusal(url)
    assert refusal is not None
    assert words in refusal


def test_http_may_be_allowed() -> None:
    assert apprise_refusal("json://example.org/hook", allow_http=True) is None


def test_a_host_of_ones_own_is_judged_and_a_token_is_no_host() -> None:
    asked = []

    def judge(host: str) -> str | None:
        asked.append(host)
        return f"{host} may not be"

    assert apprise_refusal("jsons://name:word@127.0.0.1:80/hook", host_refusal=judge) == "127.0.0.1 may not be"
    assert apprise_refusal("discord://123456789012345678/AbCdEf", host_refusal=judge) is None
    assert asked == ["127.0.0.1"]


@pytest.mark.parametrize("url", ["tgram://s3cret:w0rd\n/1", "s3cret://w0rd", "json://s3cret:w0rd@x/", "s3cret w0rd"])
def test_no_part_of_a_url_but_its_scheme_is_said(url: str) -> None:
    assert "w0rd" not in str(apprise_refusal(url))


# One of the modules that are left out wants it.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
def test_every_service_of_the_library_is_listed_or_left_out_for_a_reason() -> None:
    listed = {(service.module, scheme) for scheme, service in APPRISE_SERVICES.items()}
    modules = {module for module, _ in listed}
    known = {(module, scheme) for module, scheme in library() if module in modules}
    assert listed == known
    assert {module for module, _ in library()} - modules == set(LEFT_OUT)


def test_every_listed_service_speaks_http_through_requests_and_nothing_else() -> None:
    for module in sorted({service.module for service in APPRISE_SERVICES.values()}):
        imported = imports_of(module)
        assert "requests" in imported, module
        assert imported - set(sys.stdlib_module_names) <= BEARABLE, module
        assert not imported & REACHING, module


def test_a_scheme_has_a_twin_only_where_the_twin_speaks_tls() -> None:
    for scheme, service in APPRISE_SERVICES.items():
        if service.over_tls is not None:
            twin = APPRISE_SERVICES[service.over_tls]
            assert (twin.module, twin.over_tls) == (service.module, None), scheme


def test_the_urls_of_the_manual_may_be_had_and_can_be_read() -> None:
    manual = Path(__file__).parents[2] / "docs" / "providers.md"
    table = manual.read_text().partition("## The many others")[2].partition("The alert is told")[0]
    urls = re.findall(r"`([a-z]+://[^`]+)`", table)
    assert len(urls) == 8
    for url in urls:
        assert apprise_refusal(url) is None, url
        assert apprise.Apprise.instantiate(url) is not None, url


def test_kinds_of_our_own_are_not_told_through_the_library() -> None:
    assert not set(OWN_KINDS) & set(APPRISE_SERVICES)


def library() -> set[tuple[str, str]]:
    """Return every module of the library with every scheme that it reads."""
    found = set()
    for plugin in NotificationManager().plugins(include_disabled=True):
        for named in (plugin.protocol, plugin.secure_protocol):
            for scheme in (named,) if isinstance(named, str) else named or ():
                found.add((plugin.__module__.split(".")[2], scheme))
    return found


def imports_of(module: str) -> set[str]:
    """Return the top-level names of everything that a plugin's files import from elsewhere."""
    folder = PLUGINS / module
    found = set()
    for file in folder.glob("*.py") if folder.is_dir() else [folder.with_suffix(".py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(str(node.module).partition(".")[0])
    return found
