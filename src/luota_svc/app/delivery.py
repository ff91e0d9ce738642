"""Builds what tells people: the worker, the vendors' providers behind the guard, and what follows a duty's life."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from luota_svc.model.routes import RouteKind
from luota_svc.providers.alertmanager import AlertmanagerProvider
from luota_svc.providers.apprise import AppriseProvider
from luota_svc.providers.deadman import DeadManPing
from luota_svc.providers.email import EmailProvider
from luota_svc.providers.http_client import GuardedClient
from luota_svc.providers.inbox import InboxProvider
from luota_svc.providers.pagerduty import PagerDutyProvider
from luota_svc.providers.slack import SlackProvider
from luota_svc.providers.webhook import WebhookProvider
from luota_svc.rules.address_guard import host_refusal, refusal
from luota_svc.rules.drills import is_receiver
from luota_svc.rules.redaction import redact_text
from luota_svc.store.database import Database
from luota_svc.store.wake import Ear
from luota_svc.telemetry import names
from luota_svc.usecases.deliveries import Outbox
from luota_svc.usecases.delivery_expiry import expire_deliveries
from luota_svc.usecases.delivery_notes import note_deliveries
from luota_svc.usecases.drills import end_expired_drills
from luota_svc.usecases.inbox import keep_message
from luota_svc.usecases.left_behind import follow_routes
from luota_svc.usecases.refreshing import claim_refreshes
from luota_svc.usecases.route_failures import tell_fallbacks
from luota_svc.workers.deadman import DeadMan
from luota_svc.workers.deliver import Deliverer, Hooks
from luota_svc.workers.refresh import Refresher
from luota_svc.workers.sweep import Pulse, Sweeper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from luota_svc.app.lifecycle import Lifecycle
    from luota_svc.app.observing import Telemetry
    from luota_svc.clock import Clock
    from luota_svc.providers import Provider
    from luota_svc.settings import Settings
    from luota_svc.telemetry.metrics import Metrics
    from luota_svc.usecases.installation import Installation

# One that claims, one that settles, one that takes over, one for what follows a duty's life.
_SESSIONS: Final = 4
_STANDING_SECONDS: Final = 5.0
_NOTES_SECONDS: Final = 1.0
_FALLBACK_SECONDS: Final = 5.0
# In-flight attempts are bounded at 15 s; the rest is for their results.
STOP_SECONDS: Final = 17.0
# A loop that could not do its work for so long is no sign of life any more.
_TURN_SECONDS: Final = 30.0


class Starts(Protocol):
    """Something that begins once."""

    def start(self) -> None:
        """Begin."""
        ...


class Delivery:
    """Everything of a process that tells people. Starts when the tables stand."""

    def __init__(self, deliverer: Deliverer, loops: tuple[Starts, ...]) -> None:
        """Take the parts; built by `build_delivery`."""
        self._deliverer = deliverer
        self._loops = loops

    def start(self) -> None:
        """Begin to tell."""
        self._deliverer.start()
        for loop in self._loops:
            loop.start()


async def build_delivery(
    settings: Settings,
    installation: Installation,
    sweeper: Sweeper,
    telemetry: Telemetry,
    lifecycle: Lifecycle,
) -> Delivery:
    """Build the worker and register its end: claims stop, attempts in flight end, their results are kept.

    `sweeper` judges silence in this process: the dead-man ping goes out only while it works too.
    """
    assert settings.database.url is not None, "work requires LUOTA_DATABASE_URL"
    metrics = telemetry.metrics
    url = settings.database.url.reveal()
    database = Database(url, name="luota-deliver", sessions=_SESSIONS, prepare_threshold=None)
    database.on_duties = installation.database.on_duties
    lifecycle.on_stop("delivery sessions", database.close, 5.0)
    await database.begin()
    at = replace(installation, database=database)

    client = _client(settings, installation.clock)
    lifecycle.on_stop("delivery client", client.aclose, 2.0)
    await client.open()
    providers, alertmanager = _providers(settings, at, client, lifecycle)
    worker = f"{socket.gethostname()}-{os.getpid()}"
    outbox = Outbox(at, worker=worker, retry_delays=settings.delivery.retry_delays)
    deliverer = Deliverer(
        outbox,
        providers,
        clock=installation.clock,
        tracing=telemetry.tracing,
        worker=worker,
        hooks=Hooks(attempted=metrics.attempted, line=telemetry.logging.attempts.attempt),
    )

    notes, following = _sweepers(at, metrics)
    pulse = Pulse(
        partial(_tell_standing, outbox, installation.clock, metrics),
        every_seconds=_STANDING_SECONDS,
        failed=names.LOG_OUTBOX_UNREAD,
    )
    ear = Ear(url, deliverer.wake)
    refresher = Refresher(partial(claim_refreshes, at), alertmanager)
    lifecycle.on_stop("delivery notes", notes.stop, 2.0)
    lifecycle.on_stop("refresh", refresher.stop, 2.0)
    lifecycle.on_stop("delivery", deliverer.stop, STOP_SECONDS)
    lifecycle.on_stop("route failures", following.stop, 2.0)
    lifecycle.on_stop("delivery gauges", pulse.stop, 1.0)
    lifecycle.on_stop("ear", ear.stop, 1.0)
    loops: list[Starts] = [notes, following, ear, pulse, refresher]
    if settings.delivery.deadman_url is not None:
        parts = (deliverer, notes, following, sweeper)
        deadman = DeadMan(
            DeadManPing(client, settings.delivery.deadman_url.reveal(), clean=_clean),
            alive=lambda: all(part.turned_within(_TURN_SECONDS) for part in parts),
        )
        lifecycle.on_stop("dead-man", deadman.stop, 1.0)
        loops.append(deadman)
    return Delivery(deliverer, tuple(loops))


def _sweepers(at: Installation, metrics: Metrics) -> tuple[Sweeper, Sweeper]:
    """Return what writes timelines, and what follows the rest of a duty's life."""
    notes = Sweeper({"delivery notes": partial(note_deliveries, at)}, full=200, look_seconds=_NOTES_SECONDS)
    sweeps: Mapping[str, Callable[[], Awaitable[int]]] = {
        "route failures": partial(tell_fallbacks, at, on_untold=metrics.route_failures_untold),
        "delivery expiry": partial(expire_deliveries, at),
        "drills": partial(end_expired_drills, at),
        "left behind": partial(follow_routes, at),
    }
    return notes, Sweeper(sweeps, full=200, look_seconds=_FALLBACK_SECONDS)


async def _tell_standing(outbox: Outbox, clock: Clock, metrics: Metrics) -> None:
    """Set the gauges of the outbox."""
    standing = await outbox.standing()
    oldest = standing.oldest_due_at
    behind = (clock.now() - oldest).total_seconds() if oldest else 0.0
    metrics.outbox(
        oldest_due_seconds=max(0.0, behind),
        waiting=standing.waiting,
        breakers_open=standing.breakers_open,
        breakers_half_open=standing.breakers_half_open,
    )


def _providers(
    settings: Settings, at: Installation, client: GuardedClient, lifecycle: Lifecycle
) -> tuple[dict[RouteKind, Provider], AlertmanagerProvider]:
    """Return who tells by which kind of route; an inbox is of `dev` alone."""
    delivery, clock = settings.delivery, at.clock
    alertmanager = AlertmanagerProvider(client, clock=clock, clean=_clean)
    apprise = AppriseProvider(
        permit=partial(refusal, allowed=delivery.allowed_subnets),
        permit_host=partial(host_refusal, allowed=delivery.allowed_subnets),
        clean=_clean,
        allow_http=delivery.allow_http,
        proxy_url=delivery.proxy_url.reveal() if delivery.proxy_url else None,
        ca_file=delivery.ca_file,
    )
    lifecycle.on_stop("apprise", apprise.aclose, 2.0)
    providers: dict[RouteKind, Provider] = {
        RouteKind.WEBHOOK: WebhookProvider(client=client, clock=clock, clean=_clean),
        RouteKind.EMAIL: EmailProvider(
            server=settings.smtp.server(),
            sender=settings.smtp.sender,
            clock=clock,
            clean=_clean,
            ca_file=delivery.ca_file,
        ),
        RouteKind.SLACK: SlackProvider(client, clean=_clean),
        RouteKind.PAGERDUTY: PagerDutyProvider(client, clean=_clean),
        RouteKind.ALERTMANAGER: alertmanager,
        RouteKind.APPRISE: apprise,
    }
    if settings.dev_file is not None:
        providers[RouteKind.INBOX] = InboxProvider(partial(keep_message, at))
    return providers, alertmanager


def _client(settings: Settings, clock: Clock) -> GuardedClient:
    delivery = settings.delivery
    return GuardedClient(
        permit=partial(refusal, allowed=delivery.allowed_subnets),
        permit_host=partial(host_refusal, allowed=delivery.allowed_subnets),
        clean=_clean,
        ca_file=delivery.ca_file,
        proxy_url=delivery.proxy_url.reveal() if delivery.proxy_url else None,
        allow_http=delivery.allow_http,
        exempt=partial(is_receiver, public_url=settings.doors.public_url),
        clock=clock,
    )


def _clean(text: str) -> str:
    return redact_text(text)[0]
