"""Starts the private PostgreSQL and Valkey of `dev` and of the tests. Never for production; imports no other room."""

from luota_svc.embedded.errors import EmbeddedError
from luota_svc.embedded.servers import PrivateServers, Servers, run_servers

__all__ = ["EmbeddedError", "PrivateServers", "Servers", "run_servers"]
