"""The settings as frozen groups, one a concern. What a variable means is told in `table`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from luota_svc.model.limits import IngestLimits
from luota_svc.model.mail import Mailbox, MailServer
from luota_svc.rules.address import Network
from luota_svc.settings.mail import mail_server_of
from luota_svc.settings.values import LOOPBACK, Listen, Secret


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """PostgreSQL."""

    url: Secret | None
    pool_size: int


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """Redis or Valkey."""

    url: Secret | None


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """What the doors need to know of the world outside."""

    http_listen: Listen
    grpc_listen: Listen
    public_url: str
    trusted_proxies: tuple[Network, ...]
    slow_body_seconds: int


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """E-mail: the server that takes it, and whom it is from; both are set or it is not sent."""

    url: Secret | None
    sender: Mailbox | None

    def server(self) -> MailServer | None:
        """Return the server that the URL names."""
        return None if self.url is None else mail_server_of(self.url)


@dataclass(frozen=True, slots=True)
class EncryptionSettings:
    """What alert routes' secrets are sealed with; the first key encrypts."""

    keys: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How alerts leave: where to, through what, and how often one is tried."""

    allowed_subnets: tuple[Network, ...]
    allow_http: bool
    ca_file: Path | None
    proxy_url: Secret | None
    # Before each attempt, in seconds.
    retry_delays: tuple[int, ...]
    deadman_url: Secret | None


@dataclass(frozen=True, slots=True)
class BootstrapSettings:
    """The first admin."""

    token: Secret | None


@dataclass(frozen=True, slots=True)
class StopSettings:
    """How long a stop may take; draining ends before the whole does."""

    drain_seconds: int
    stop_seconds: int


@dataclass(frozen=True, slots=True)
class SupportSettings:
    """What support may look up."""

    requests_kept_days: int


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is written to stdout."""

    level: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator decided. `given` names the variables that were set, `unknown` warns in sentences."""

    database: DatabaseSettings
    redis: RedisSettings
    doors: DoorSettings
    limits: IngestLimits
    smtp: SmtpSettings
    encryption: EncryptionSettings
    delivery: DeliverySettings
    bootstrap: BootstrapSettings
    stop: StopSettings
    support: SupportSettings
    log: LogSettings
    given: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()
    # Of `dev` alone, no variable: where its keys stand. There, and only there, is an inbox with its page.
    dev_file: Path | None = None

    def worker_warnings(self) -> list[str]:
        """Return in sentences what lets a worker start and is hardly meant: links that lead to its own port."""
        if "LUOTA_PUBLIC_URL" in self.given:
            return []
        here = self.doors.public_url
        warning = (
            f"LUOTA_PUBLIC_URL: not set, so the links of alerts lead to the worker itself ({here}), where nothing"
            " answers them: set it to where people reach `serve`"
        )
        return [warning]

    def with_dev(self, file: Path) -> Settings:
        """Return these settings as those of `dev`, whose keys stand in the file."""
        return replace(self, dev_file=file)

    def with_servers(self, *, database_url: str, redis_url: str) -> Settings:
        """Return these settings pointed at other servers: those that `dev` started."""
        return replace(
            self,
            database=replace(self.database, url=Secret(database_url)),
            redis=replace(self.redis, url=Secret(redis_url)),
        )

    def with_doors(self, *, http_listen: Listen, grpc_listen: Listen) -> Settings:
        """Return these settings with other places to listen at; a public URL that nobody gave follows them."""
        given = "LUOTA_PUBLIC_URL" in self.given
        public_url = self.doors.public_url if given else http_listen.origin()
        doors = replace(self.doors, http_listen=http_listen, grpc_listen=grpc_listen, public_url=public_url)
        return replace(self, doors=doors)

    def with_receivers_here(self) -> Settings:
        """Return these settings with leave to tell receivers on this machine, without TLS too: what `dev` has."""
        subnets = (*self.delivery.allowed_subnets, *LOOPBACK)
        return replace(self, delivery=replace(self.delivery, allowed_subnets=subnets, allow_http=True))

    def with_encryption_key(self, key: str) -> Settings:
        """Return these settings with one key to seal secrets with: the one that `dev` keeps."""
        return replace(self, encryption=EncryptionSettings((Secret(key),)))

    def secrets(self) -> list[str]:
        """Return what the log's scrubber must know: every token and key, and the password of every URL."""
        urls = [
            url
            for url in (
                self.database.url,
                self.redis.url,
                self.smtp.url,
                self.delivery.proxy_url,
                self.delivery.deadman_url,
            )
            if url is not None
        ]
        passwords = [password for url in urls for password in url.passwords()]
        keys = [key.reveal() for key in self.encryption.keys]
        tokens = [] if self.bootstrap.token is None else [self.bootstrap.token.reveal()]
        return [*passwords, *keys, *tokens]
