"""Reading the environment: everything at once, nothing secret shown."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from luota_svc.settings import Listen, Secret, SettingsError, effective, load
from luota_svc.settings.table import SETTINGS

URLS = {"LUOTA_DATABASE_URL": "postgresql://luota:hush@db/luota", "LUOTA_REDIS_URL": "redis://cache:6379/0"}
TOKEN = "wfop1.0190-ab." + "s" * 43


def problems_of(env: dict[str, str], **options) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(env, **options)
    return caught.value.problems


def test_an_empty_environment_gives_the_published_defaults():
    settings = load({})
    assert settings.database.url is None
    assert settings.doors.http_listen == Listen("127.0.0.1", 8080)
    assert settings.doors.grpc_listen == Listen("127.0.0.1", 50051)
    assert settings.doors.public_url == "http://127.0.0.1:8080"
    assert settings.doors.trusted_proxies == ()
    limits = settings.limits
    assert (limits.monitor_token_minute, limits.monitor_token_hour) == (60, 1_000)
    assert (limits.workspace_minute, limits.source_ip_minute) == (6_000, 6_000)
    assert (settings.stop.drain_seconds, settings.stop.stop_seconds) == (10, 45)
    assert settings.unknown == ()
    assert settings.given == frozenset()


def test_every_given_value_is_read():
    settings = load(
        {
            **URLS,
            "LUOTA_HTTP_LISTEN": ":80",
            "LUOTA_GRPC_LISTEN": "[::1]:0",
            "LUOTA_PUBLIC_URL": "https://luota.example/",
            "LUOTA_TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::1, ::ffff:192.0.2.0/120",
            "LUOTA_LIMIT_MONITOR_TOKEN_MINUTE": "0",
            "LUOTA_LOG_LEVEL": "DEBUG",
            "LUOTA_REQUESTS_KEPT_DAYS": " 3 ",
        }
    )
    assert settings.database.url == Secret(URLS["LUOTA_DATABASE_URL"])
    assert settings.doors.http_listen == Listen("0.0.0.0", 80)
    assert settings.doors.grpc_listen == Listen("::1", 0)
    assert settings.doors.public_url == "https://luota.example"
    trusted = ("10.0.0.0/8", "2001:db8::1", "192.0.2.0/24")
    assert settings.doors.trusted_proxies == tuple(map(ip_network, trusted))
    assert settings.limits.monitor_token_minute == 0
    assert settings.log.level == "debug"
    assert settings.support.requests_kept_days == 3


def test_a_database_of_several_hosts_may_name_each_ones_port():
    url = "postgresql://luota:hush@one:5432,two:5433/luota?target_session_attrs=read-write"
    assert load({**URLS, "LUOTA_DATABASE_URL": url}).database.url == Secret(url)
    several = "postgresql://luota@one:5432,two:54x/luota"
    assert problems_of({**URLS, "LUOTA_DATABASE_URL": several}) == [
        "LUOTA_DATABASE_URL: has no valid port; is a password not escaped?"
    ]


def test_an_empty_value_is_as_good_as_none():
    assert load({"LUOTA_DRAIN_SECONDS": " ", "LUOTA_REDIS_URL": ""}).stop.drain_seconds == 10


def test_all_problems_are_told_at_once_each_with_its_variable():
    problems = problems_of(
        {
            "LUOTA_HTTP_LISTEN": "nowhere",
            "LUOTA_DRAIN_SECONDS": "ten",
            "LUOTA_TRUSTED_PROXIES": "10.0.0.1/8",
            "LUOTA_LOG_LEVEL": "loud",
            "LUOTA_REDIS_URL": "http://cache",
        },
        required=("LUOTA_DATABASE_URL", "LUOTA_REDIS_URL"),
    )
    assert [problem.split(":")[0] for problem in problems] == [
        "LUOTA_DATABASE_URL or LUOTA_DATABASE_URL_FILE",
        "LUOTA_REDIS_URL",
        "LUOTA_HTTP_LISTEN",
        "LUOTA_TRUSTED_PROXIES",
        "LUOTA_DRAIN_SECONDS",
        "LUOTA_LOG_LEVEL",
    ]
    assert all("\n" not in problem for problem in problems)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LUOTA_HTTP_LISTEN", "127.0.0.1"),
        ("LUOTA_HTTP_LISTEN", "127.0.0.1:65536"),
        ("LUOTA_HTTP_LISTEN", "127.0.0.1:-1"),
        ("LUOTA_HTTP_LISTEN", "::1:8080"),
        ("LUOTA_HTTP_LISTEN", "http://127.0.0.1:8080"),
        ("LUOTA_HTTP_LISTEN", "127.0.0.1:٨٠"),
        ("LUOTA_DATABASE_POOL_SIZE", "1"),
        ("LUOTA_DATABASE_POOL_SIZE", "1e2"),
        ("LUOTA_DATABASE_POOL_SIZE", "9" * 5_000),
        ("LUOTA_DATABASE_URL", "postgresql://"),
        ("LUOTA_DATABASE_URL", "mysql://db/x"),
        ("LUOTA_DATABASE_URL", "postgresql://u:a b@db/x"),
        ("LUOTA_PUBLIC_URL", "luota.example"),
        ("LUOTA_PUBLIC_URL", "ftp://luota.example"),
        ("LUOTA_PUBLIC_URL", "https://u:p@luota.example"),
        ("LUOTA_PUBLIC_URL", "https://luota.example/?x=1"),
        ("LUOTA_LIMIT_WORKSPACE_MINUTE", "-1"),
        ("LUOTA_TRUSTED_PROXIES", "proxy.example"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(name, value):
    (problem,) = problems_of({name: value})
    assert problem.startswith(f"{name}: ")


def test_a_drain_as_long_as_the_stop_is_refused():
    (problem,) = problems_of({"LUOTA_DRAIN_SECONDS": "45"})
    assert problem == "LUOTA_DRAIN_SECONDS: 45 must be less than LUOTA_STOP_SECONDS, which is 45"


def test_a_broken_value_hides_no_problem_of_the_others():
    problems = problems_of(
        {
            "LUOTA_DRAIN_SECONDS": "45",
            "LUOTA_HTTP_LISTEN": "8080",
            "LUOTA_GRPC_LISTEN": "50051",
            "LUOTA_LOG_LEVEL": "loud",
        }
    )
    assert [problem.partition(":")[0] for problem in problems] == [
        "LUOTA_HTTP_LISTEN",
        "LUOTA_GRPC_LISTEN",
        "LUOTA_LOG_LEVEL",
        "LUOTA_DRAIN_SECONDS",
    ]


def test_a_misspelt_name_is_told_beside_the_setting_that_is_missed():
    assert problems_of({"LUOTA_DATABSE_URL": "x"}, required=("LUOTA_DATABASE_URL",)) == [
        "LUOTA_DATABASE_URL or LUOTA_DATABASE_URL_FILE: must be set",
        "LUOTA_DATABSE_URL: no such setting; did you mean LUOTA_DATABASE_URL?",
    ]


def test_both_doors_in_one_place_are_refused():
    (problem,) = problems_of({"LUOTA_GRPC_LISTEN": "127.0.0.1:8080"})
    assert problem.startswith("LUOTA_GRPC_LISTEN: ")
    load({"LUOTA_GRPC_LISTEN": "127.0.0.1:0", "LUOTA_HTTP_LISTEN": "127.0.0.1:0"})


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_what_kubernetes_injects_is_refused_for_every_setting(setting):
    for name in setting.variables:
        (problem,) = problems_of({name: "tcp://10.0.0.1:80"})
        assert problem.startswith(f"{name}: tcp://10.0.0.1:80 is what Kubernetes injects")
        assert "enableServiceLinks" in problem


def test_a_secret_can_come_from_a_file(tmp_path):
    file = tmp_path / "url"
    file.write_text(URLS["LUOTA_DATABASE_URL"] + "\n")
    settings = load({"LUOTA_DATABASE_URL_FILE": str(file)}, required=("LUOTA_DATABASE_URL",))
    assert settings.database.url == Secret(URLS["LUOTA_DATABASE_URL"])
    assert settings.given == {"LUOTA_DATABASE_URL"}


def test_the_bootstrap_token_comes_from_its_file_alone(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    settings = load({"LUOTA_BOOTSTRAP_TOKEN_FILE": str(file)})
    assert settings.bootstrap.token == Secret(TOKEN)
    assert len(load({"LUOTA_BOOTSTRAP_TOKEN": TOKEN}).unknown) == 1
    file.write_text("wfmn1.x.y")
    (problem,) = problems_of({"LUOTA_BOOTSTRAP_TOKEN_FILE": str(file)})
    assert "wfmn1" not in problem


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe", b"x" * 70_000])
def test_a_file_that_cannot_be_used_is_a_problem_that_names_it(tmp_path: Path, content):
    file = tmp_path / "url"
    if content is not None:
        file.write_bytes(content)
    (problem,) = problems_of({"LUOTA_DATABASE_URL_FILE": str(file)}, required=("LUOTA_DATABASE_URL",))
    assert problem.startswith("LUOTA_DATABASE_URL_FILE: ")
    assert str(file) in problem


def test_a_value_and_its_file_at_once_are_refused(tmp_path):
    env = {**URLS, "LUOTA_REDIS_URL_FILE": str(tmp_path / "x")}
    assert problems_of(env, required=("LUOTA_REDIS_URL",)) == [
        "LUOTA_REDIS_URL: set it or LUOTA_REDIS_URL_FILE, not both"
    ]


def test_unknown_variables_of_ours_warn_and_suggest():
    unknown = load(
        {
            "LUOTA_HTP_LISTEN": "x",
            "LUOTA_WHATEVER_ELSE": "x",
            "LUOTA_INGEST_TOKEN": "a job's",
            "LUOTA_PORT": "tcp://10.0.0.1:80",
            "LUOTA_PORT_80_TCP_ADDR": "10.0.0.1",
            "LUOTA_HTTP_SERVICE_HOST": "10.0.0.1",
            "LUOTA_HTTP_SERVICE_PORT_HTTP": "80",
            "PATH": "x",
        }
    ).unknown
    assert unknown == (
        "LUOTA_HTP_LISTEN: no such setting; did you mean LUOTA_HTTP_LISTEN?",
        "LUOTA_WHATEVER_ELSE: no such setting",
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hush@db/x",
        "postgresql://u:hu@sh/hush@db/x",
        "postgresql://u:hush:hush@db:5432/x",
        "postgresql://u@db/x?password=hush&sslmode=require",
        "postgresql:///x?host=/tmp/x&password=hush",
    ],
)
def test_no_password_is_shown_by_a_repr_an_effective_line_or_a_problem(url):
    settings = load({"LUOTA_DATABASE_URL": url, "LUOTA_REDIS_URL": "redis://:hush@cache/0"})
    for text in (repr(settings), str(settings.database.url), f"{settings.database.url}", repr(effective(settings))):
        assert "hush" not in text
    assert settings.database.url is not None
    assert settings.database.url.reveal() == url
    assert any("hush" in secret for secret in settings.secrets())


def test_encryption_keys_are_read_in_order_and_shown_nowhere():
    first, second = "A" * 43 + "=", "B" * 42 + "A="
    settings = load({"LUOTA_ENCRYPTION_KEYS": f"{first}, {second}"})
    assert [key.reveal() for key in settings.encryption.keys] == [first, second]
    assert {first, second} <= set(settings.secrets())
    for text in (repr(settings), repr(effective(settings))):
        assert "AAAA" not in text
        assert "BBBB" not in text
    assert load({}).encryption.keys == ()


@pytest.mark.parametrize(
    "keys", ["short", "A" * 44, "A" * 43 + "=,B", "A" * 42 + "B=", "A" * 43 + "=," + "A" * 43 + "="]
)
def test_what_is_no_encryption_key_is_refused_and_not_shown(keys):
    (problem,) = problems_of({"LUOTA_ENCRYPTION_KEYS": keys})
    assert problem.startswith("LUOTA_ENCRYPTION_KEYS: ")
    assert "AAAA" not in problem


def test_who_needs_encryption_keys_is_told_how_to_make_one():
    (problem,) = problems_of({}, required=("LUOTA_ENCRYPTION_KEYS",))
    assert problem == (
        "LUOTA_ENCRYPTION_KEYS or LUOTA_ENCRYPTION_KEYS_FILE: must be set; "
        "make a key with: head -c 32 /dev/urandom | base64 | tr +/ -_"
    )


def test_a_password_that_is_not_escaped_is_a_problem_that_does_not_show_it():
    (problem,) = problems_of({"LUOTA_DATABASE_URL": "postgresql://u:hush/hush#x@db:hush/x"})
    assert "hush" not in problem


def test_the_scrubber_is_told_passwords_as_written_and_as_meant():
    settings = load({"LUOTA_DATABASE_URL": "postgresql://u:sword%20fish@db/x"})
    assert sorted(settings.secrets()) == ["sword fish", "sword%20fish"]


def test_the_effective_configuration_tells_defaults_from_choices():
    shown = {line.name: line for line in effective(load({**URLS, "LUOTA_DRAIN_SECONDS": "10"}))}
    assert shown["LUOTA_DATABASE_URL"].value == "postgresql://luota:***@db/luota"
    assert not shown["LUOTA_DRAIN_SECONDS"].is_default
    assert shown["LUOTA_STOP_SECONDS"] == ("LUOTA_STOP_SECONDS", "45", True)
    assert len(shown) == len(SETTINGS)


def test_what_is_shown_can_be_read_again():
    env = {
        "LUOTA_HTTP_LISTEN": "[::1]:80",
        "LUOTA_TRUSTED_PROXIES": "10.0.0.0/8,::1",
        "LUOTA_REDIS_URL": "redis://cache:6379/0",
    }
    shown = {line.name: line.value for line in effective(load(env))}
    assert effective(load(shown))[3:] == [line._replace(is_default=not line.value) for line in effective(load(env))[3:]]


def test_dev_points_the_same_settings_at_its_own_servers_and_ports():
    settings = load({"LUOTA_DRAIN_SECONDS": "5"})
    moved = settings.with_servers(database_url="postgresql:///x", redis_url="unix:///tmp/y").with_doors(
        http_listen=Listen("127.0.0.1", 18_080), grpc_listen=Listen("127.0.0.1", 15_051)
    )
    assert moved.database.url == Secret("postgresql:///x")
    assert moved.doors.public_url == "http://127.0.0.1:18080"
    assert moved.stop.drain_seconds == 5
    assert settings.database.url is None
    given = load({"LUOTA_PUBLIC_URL": "https://l.example"}).with_doors(
        http_listen=Listen("127.0.0.1", 1), grpc_listen=Listen("127.0.0.1", 2)
    )
    assert given.doors.public_url == "https://l.example"
