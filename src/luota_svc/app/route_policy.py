"""What the settings let alert routes lead to, as the rules ask it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from luota_svc.model.routes import RouteKind
from luota_svc.rules.address_guard import host_refusal
from luota_svc.rules.drills import is_receiver
from luota_svc.rules.route_targets import TargetPolicy

if TYPE_CHECKING:
    from luota_svc.settings import Settings


def target_policy(settings: Settings) -> TargetPolicy:
    """Return which kinds, schemes and hosts a route may name when it is saved; what is dialled is judged again."""
    refused = {}
    if settings.dev_file is None:
        refused[RouteKind.INBOX] = "is there in luota-svc dev alone; choose another kind"
    if settings.smtp.url is None:
        refused[RouteKind.EMAIL] = "needs a mail server: this installation has no LUOTA_SMTP_URL"
    return TargetPolicy(
        allow_http=settings.delivery.allow_http,
        host_refusal=partial(host_refusal, allowed=settings.delivery.allowed_subnets),
        of_drills=partial(is_receiver, public_url=settings.doors.public_url),
        refused=refused,
    )
