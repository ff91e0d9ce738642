"""The private Valkey: how it is started and when it answers. It keeps nothing on disk."""

from __future__ import annotations

import signal
import socket
from typing import ClassVar

from luota_svc.embedded.binaries import Binaries
from luota_svc.embedded.places import Place
from luota_svc.embedded.processes import StopSteps
from luota_svc.embedded.supervision import RunToEnd

_ANSWER_SECONDS = 1.0


class Valkey:
    """One server in memory, reachable over a socket that only its account can open."""

    title: ClassVar[str] = "Valkey"
    program: ClassVar[str] = "valkey-server"
    stop_steps: ClassVar[StopSteps] = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
    death_signal: ClassVar[signal.Signals] = signal.SIGKILL  # it has nothing to lose
    start_seconds: ClassVar[float] = 20.0

    def __init__(self, place: Place, binaries: Binaries) -> None:
        self.place = place
        self.folder = place.data / "valkey"
        self.log_file = place.data / "valkey.log"
        self.life_file = place.data / "valkey.running"
        self._binaries = binaries
        self._socket = place.sockets / "valkey.sock"

    def url(self) -> str:
        """Return the address of the server."""
        return f"unix://{self._socket}"

    def prepare(self, run: RunToEnd) -> None:  # noqa: ARG002 - nothing is run to prepare an empty folder
        """Make the folder that the server works in."""
        self.place.make_folder(self.folder.name)

    def command(self) -> list[str]:
        """Return what starts the server."""
        return [
            str(self._binaries.valkey),
            *("--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"),
            *("--dir", str(self.folder), "--save", "", "--appendonly", "no"),
            # Buckets only: what is nearest to its end is nearest to full, and is missed least.
            *("--maxmemory", "128mb", "--maxmemory-policy", "volatile-ttl"),
            *("--daemonize", "no", "--logfile", ""),
        ]

    def is_ready(self, pid: int) -> bool:  # noqa: ARG002 - the socket's folder is ours, so whoever answers is it
        """Tell whether the server answers a PING."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWER_SECONDS)
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
            except OSError:
                return False
