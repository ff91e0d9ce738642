"""Every setting, declared once: variable, reader, default and sentence. The document and the checks come from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from luota_svc.settings import delivery, mail, values

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable. `default` is what an operator would have written; None means unset.

    `from_file`: the value may come from a file that `<name>_FILE` names. `file_only`: it may come from there alone.
    """

    name: str
    group: str
    field: str
    read: Callable[[str], Any]
    default: str | None
    kind: str
    doc: str
    from_file: bool = False
    file_only: bool = False
    # What to do where it must be set and is not.
    remedy: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that may set it."""
        if self.file_only:
            return (f"{self.name}_FILE",)
        return (self.name, f"{self.name}_FILE") if self.from_file else (self.name,)


_tokens = values.read_integer(0, 1_000_000_000)

SETTINGS: Final = (
    Setting(
        "LUOTA_DATABASE_URL",
        "database",
        "url",
        values.read_url("postgresql", "postgres"),
        None,
        "secret URL",
        "PostgreSQL, such as `postgresql://luota@db/luota`. Needed by all commands but `dev`, which brings its own.",
        from_file=True,
    ),
    Setting(
        "LUOTA_DATABASE_POOL_SIZE",
        "database",
        "pool_size",
        values.read_integer(2, 200),
        "8",
        "2 to 200",
        "Connections to PostgreSQL that one process keeps for managing; reporting takes 4 more, the sweep 2.",
    ),
    Setting(
        "LUOTA_REDIS_URL",
        "redis",
        "url",
        values.read_url("redis", "rediss", "unix"),
        None,
        "secret URL",
        "Redis or Valkey, such as `redis://cache:6379/0`. Needed by `serve`; holds rate-limit buckets only.",
        from_file=True,
    ),
    Setting(
        "LUOTA_HTTP_LISTEN",
        "doors",
        "http_listen",
        values.read_listen,
        "127.0.0.1:8080",
        "host:port",
        "Where the HTTP door listens; a worker has its probes and metrics there.",
    ),
    Setting(
        "LUOTA_GRPC_LISTEN",
        "doors",
        "grpc_listen",
        values.read_listen,
        "127.0.0.1:50051",
        "host:port",
        "Where the gRPC door listens.",
    ),
    Setting(
        "LUOTA_PUBLIC_URL",
        "doors",
        "public_url",
        values.read_public_url,
        None,
        "URL",
        "Under which people and jobs reach the HTTP door; links begin with it. The same for every process. None: where "
        "that process listens.",
    ),
    Setting(
        "LUOTA_TRUSTED_PROXIES",
        "doors",
        "trusted_proxies",
        values.read_networks,
        "",
        "addresses, CIDR blocks",
        "Peers whose `X-Forwarded-For` is believed, comma separated. Empty: nobody's.",
    ),
    Setting(
        "LUOTA_SLOW_BODY_SECONDS",
        "doors",
        "slow_body_seconds",
        values.read_integer(1, 300),
        "10",
        "seconds",
        "How long a request's body may take to arrive.",
    ),
    Setting(
        "LUOTA_LIMIT_MONITOR_TOKEN_MINUTE",
        "limits",
        "monitor_token_minute",
        _tokens,
        "60",
        "signals",
        "Signals a minute for each token and monitor; 0 is no limit.",
    ),
    Setting(
        "LUOTA_LIMIT_MONITOR_TOKEN_HOUR",
        "limits",
        "monitor_token_hour",
        _tokens,
        "1000",
        "signals",
        "Signals an hour for each token and monitor; 0 is no limit.",
    ),
    Setting(
        "LUOTA_LIMIT_WORKSPACE_MINUTE",
        "limits",
        "workspace_minute",
        _tokens,
        "6000",
        "signals",
        "Signals a minute for each workspace; 0 is no limit.",
    ),
    Setting(
        "LUOTA_LIMIT_SOURCE_IP_MINUTE",
        "limits",
        "source_ip_minute",
        _tokens,
        "6000",
        "signals",
        "Signals a minute for each source address (IPv6: each /64); 0 is no limit.",
    ),
    Setting(
        "LUOTA_SMTP_URL",
        "smtp",
        "url",
        mail.read_mail_url,
        None,
        "secret URL",
        "Mail server that takes e-mail: `smtp://name:password@host:587` (STARTTLS is demanded; a relay on the same "
        "machine may do without: `?starttls=no`) or `smtps://name:password@host:465`. None: no e-mail is sent.",
        from_file=True,
    ),
    Setting(
        "LUOTA_SMTP_FROM",
        "smtp",
        "sender",
        mail.read_mailbox,
        None,
        "address",
        "Whom e-mail is from, such as `Luota <alerts@example.org>`. Needed where `LUOTA_SMTP_URL` is set.",
    ),
    Setting(
        "LUOTA_ENCRYPTION_KEYS",
        "encryption",
        "keys",
        values.read_encryption_keys,
        "",
        "secret keys",
        "What alert routes' URLs, tokens and passwords are sealed with in the database, comma separated: the first key "
        "encrypts, all decrypt. Needed by `serve` and `work`; `dev` keeps one of its own. "
        r"Make one: `head -c 32 /dev/urandom \| base64 \| tr +/ -_`.",
        from_file=True,
        remedy="make a key with: head -c 32 /dev/urandom | base64 | tr +/ -_",
    ),
    Setting(
        "LUOTA_DELIVERY_ALLOWED_SUBNETS",
        "delivery",
        "allowed_subnets",
        delivery.read_allowed_subnets,
        "",
        "addresses, CIDR blocks",
        "Private networks that alerts may be sent to, comma separated, such as `10.20.0.0/16,fd12::/48`. Empty: public "
        "addresses alone. Addresses where clouds hand out credentials stay closed whatever stands here.",
    ),
    Setting(
        "LUOTA_DELIVERY_ALLOW_HTTP",
        "delivery",
        "allow_http",
        delivery.read_flag,
        "no",
        "yes, no",
        "Whether routes may have URLs that begin with `http://`. Everybody on the way can then read alerts and tokens.",
    ),
    Setting(
        "LUOTA_DELIVERY_CA_FILE",
        "delivery",
        "ca_file",
        delivery.read_ca_file,
        None,
        "path",
        "A file of certificates (PEM) of authorities that are trusted beside the system's, such as a company's own.",
    ),
    Setting(
        "LUOTA_DELIVERY_PROXY_URL",
        "delivery",
        "proxy_url",
        delivery.read_proxy_url,
        None,
        "secret URL",
        "An HTTP proxy that alerts go through, such as `http://name:password@proxy:3128`. It decides which addresses "
        "they reach; hosts that are forbidden by their name or as literal addresses stay so.",
        from_file=True,
    ),
    Setting(
        "LUOTA_DELIVERY_RETRY_DELAYS",
        "delivery",
        "retry_delays",
        delivery.read_delays,
        "0,5,30,120,600,1800,3600,7200,14400,28800",
        "seconds",
        "How long each attempt at telling a route waits after the one before, up to a fifth more or less, comma "
        "separated, 1 to 20 of them: so many attempts are made. A receiver that is overloaded or does not answer is "
        "left alone for at least a minute from the third on.",
    ),
    Setting(
        "LUOTA_DEADMAN_URL",
        "delivery",
        "deadman_url",
        delivery.read_deadman_url,
        None,
        "secret URL",
        "Address of a monitor elsewhere. Each process that tells people sends it a POST every minute while silence is "
        "judged and alerts go out; when it hears nothing, Luota is down. `LUOTA_DELIVERY_ALLOWED_SUBNETS` and "
        "`LUOTA_DELIVERY_ALLOW_HTTP` hold for it too.",
        from_file=True,
    ),
    Setting(
        "LUOTA_BOOTSTRAP_TOKEN",
        "bootstrap",
        "token",
        values.read_operator_token,
        None,
        "path",
        "A file that holds the first admin's operator token; the service stores its hash at start.",
        file_only=True,
    ),
    Setting(
        "LUOTA_DRAIN_SECONDS",
        "stop",
        "drain_seconds",
        values.read_integer(1, 300),
        "10",
        "seconds",
        "How long requests in flight may take to finish after SIGTERM. Must be less than `LUOTA_STOP_SECONDS`.",
    ),
    Setting(
        "LUOTA_STOP_SECONDS",
        "stop",
        "stop_seconds",
        values.read_integer(2, 600),
        "45",
        "seconds",
        "How long a whole stop may take; keep the orchestrator's grace period above it.",
    ),
    Setting(
        "LUOTA_REQUESTS_KEPT_DAYS",
        "support",
        "requests_kept_days",
        values.read_integer(1, 366),
        "7",
        "days",
        "How long support records of requests are kept.",
    ),
    Setting(
        "LUOTA_LOG_LEVEL",
        "log",
        "level",
        values.read_log_level,
        "info",
        ", ".join(values.LOG_LEVELS),
        "The least severe line that is written to stdout.",
    ),
)

# Variables of our prefix that other programs read from the same environment: never called unknown.
NEIGHBOURS: Final = frozenset(
    {
        "LUOTA_API_BASE_URL",
        "LUOTA_MONITOR_ID",
        "LUOTA_INGEST_TOKEN",
        "LUOTA_TARGET",
        "LUOTA_OPERATOR_TOKEN",
        "LUOTA_FAULTS",
    },
)
