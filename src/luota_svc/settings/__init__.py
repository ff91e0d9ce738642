"""Frozen groups read from the environment once. Reached from `cli` and `app` only."""

from luota_svc.settings.document import settings_markdown
from luota_svc.settings.groups import (
    BootstrapSettings,
    DatabaseSettings,
    DeliverySettings,
    DoorSettings,
    LogSettings,
    RedisSettings,
    Settings,
    StopSettings,
    SupportSettings,
)
from luota_svc.settings.load import SettingsError, Shown, effective, load
from luota_svc.settings.values import Listen, Secret

__all__ = [
    "BootstrapSettings",
    "DatabaseSettings",
    "DeliverySettings",
    "DoorSettings",
    "Listen",
    "LogSettings",
    "RedisSettings",
    "Secret",
    "Settings",
    "SettingsError",
    "Shown",
    "StopSettings",
    "SupportSettings",
    "effective",
    "load",
    "settings_markdown",
]
