"""The service in this process: composes the methods of every noun over the use cases."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from luota_svc.core.methods import Method


class LocalCore:
    """Every method of the contract, answered from this process's own database."""

    def __init__(self, deps: object, *, ingest: Mapping[str, Method]) -> None:
        """Compose; `ingest` brings the methods of luota.v1.IngestService, which share a batch."""
        del deps
        self._methods = MappingProxyType({**ingest})

    @property
    def methods(self) -> Mapping[str, Method]:
        """Return `luota.v1.MonitorService/GetMonitor` -> method."""
        return self._methods
