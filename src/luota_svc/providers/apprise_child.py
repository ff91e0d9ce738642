"""The process that runs Apprise: one that has the library loaded, and forks a fenced child of itself for each send.

Run by providers/apprise as `python -I -m luota_svc.providers.apprise_child`, with a Unix socket as its standard input.
Over it come descriptors, each the end of a socket pair: a child reads one request from it as a line of JSON, asks
there whether addresses may be dialled, and says at last what became of the send. It ends with its socket, and no child
outlives the seconds that its request names, whatever it does.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import logging
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
from functools import partial
from typing import Any, Final

import apprise
from apprise import AppriseAsset, NotifyBase, NotifyFormat, NotifyType, OverflowMode

from luota_svc.model.apprise_services import APPRISE_SERVICES
from luota_svc.providers.apprise_fence import Exchange, Fence

_MEMORY_BYTES_MAX: Final = 1 << 30
_REQUEST_BYTES_MAX: Final = 1 << 20
_REPLY_BYTES_MAX: Final = 4_096
_WORDS_KEPT: Final = 4
_WORDS_CHARACTERS_MAX: Final = 500
_BODY_CHARACTERS_LEAST: Final = 40
# What the library may put around a title that stands in the body.
_TITLE_DRESS_CHARACTERS: Final = 40


class _Words(logging.Handler):
    """Keeps the last few things that the library complained of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.kept = [*self.kept, record.getMessage()[:_WORDS_CHARACTERS_MAX]][-_WORDS_KEPT:]


class _Wire:
    """Lines of JSON to the provider and back."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self._lines = peer.makefile("rb")

    def read(self) -> dict[str, Any]:
        """Return the next line. Raises OSError where the provider is gone: nobody wants the answer any more."""
        line = self._lines.readline(_REQUEST_BYTES_MAX)
        if not line.endswith(b"\n"):
            raise OSError("the provider is gone")
        read: dict[str, Any] = json.loads(line)
        return read

    def write(self, message: dict[str, Any]) -> None:
        """Send a line."""
        self._peer.sendall(json.dumps(message).encode() + b"\n")

    def ask(self, what: str, name: str) -> str | None:
        """Ask whether an `address` may be dialled, or a `host` named; returns why not."""
        self.write({"ask": what, "name": name})
        refusal: str | None = self.read()["refusal"]
        return refusal


def main() -> None:
    """Fork a child for each descriptor that arrives, until the provider is gone."""
    control = socket.socket(fileno=os.dup(0))
    # A child that lives on would keep it open: whoever sends there must find out at once that nobody reads.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # The kernel buries the children: nobody waits for one.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("apprise").propagate = False
    # Kept out of collections, so that children go on sharing these pages.
    gc.collect()
    gc.freeze()
    control.sendall(b".")
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not data:
            return
        for descriptor in descriptors:
            if os.fork() == 0:
                try:
                    control.close()
                    _serve(socket.socket(fileno=descriptor))
                finally:
                    # Whatever happened: this is a copy, and the loop is not its own.
                    os._exit(0)
            os.close(descriptor)


def _serve(peer: socket.socket) -> None:
    wire = _Wire(peer)
    request = wire.read()
    _bound(request["seconds"])
    threading.Thread(target=_end_with, args=(peer,), daemon=True).start()
    wire.write({"verdict": send(request, wire)})


def _end_with(peer: socket.socket) -> None:
    """End this process as soon as the provider has let go of it: it died, or waits no longer."""
    watched = select.poll()
    # Elsewhere than on Linux a hang-up is told without being asked for.
    watched.register(peer, getattr(select, "POLLRDHUP", 0))
    watched.poll()
    os._exit(1)


def _bound(seconds: float) -> None:
    """Bound this process: the alarm's own action ends it, even where it runs no Python."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    with contextlib.suppress(OSError, ValueError):
        # macOS knows it and does not take it.
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES_MAX, _MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def send(request: dict[str, Any], wire: _Wire) -> dict[str, Any]:
    """Send one alert and say what happened; raises nothing that a plugin may raise."""
    words = _Words()
    logging.getLogger("apprise").addHandler(words)
    fence = Fence(
        ask_address=partial(wire.ask, "address"),
        ask_host=partial(wire.ask, "host"),
        # What is left goes to saying so.
        deadline=time.monotonic() + request["seconds"] - 0.5,
        allow_http=request["allowHttp"],
        proxy_url=request["proxyUrl"],
        ca_file=request["caFile"],
    )
    taken, fault = False, None
    service = None
    try:
        service = _service_of(request["url"])
        if service is not None:
            fence.put_up()
            taken = _tell(service, request)
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its kind is all that may be said of it
        fault = type(error).__name__
    telling = _telling(fence.exchanges, taken=taken)
    return {
        "readable": service is not None,
        "taken": taken,
        "fault": fault,
        "refusal": fence.refusals[-1] if fence.refusals else None,
        "words": words.kept,
        "exchange": None if telling is None else _shown(telling),
    }


def _service_of(url: str) -> NotifyBase | None:
    """Load the one plugin that a URL's scheme names, and have it read the URL; None where it can't.

    Loading them all, as the library does by itself, takes longer than everything else here together.
    """
    scheme = url.partition("://")[0].lower()
    entry = APPRISE_SERVICES.get(scheme)
    if entry is None:
        return None
    module = importlib.import_module(f"apprise.plugins.{entry.module}")
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, NotifyBase) and scheme in _schemes_of(value):
            # As the library reads them: a fragment is none.
            read = value.parse_url(url.replace("/#", "/%23"))
            return value(**read, asset=_asset()) if read else None
    return None


def _schemes_of(plugin: type[NotifyBase]) -> set[str]:
    named: tuple[Any, ...] = (plugin.protocol, plugin.secure_protocol)
    return {scheme for each in named if each for scheme in ((each,) if isinstance(each, str) else each)}


def _asset() -> AppriseAsset:
    # Nothing is kept on a disk, nothing is followed, and nobody's picture is fetched from elsewhere.
    return AppriseAsset(
        app_id="Luota",
        app_desc="Luota alerts",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        image_path_mask="",
        http_redirects=False,
        storage_mode="memory",
        secure_logging=True,
        timezone="UTC",
        language="en",
    )


def _tell(service: NotifyBase, request: dict[str, Any]) -> bool:
    title, link = request["title"], request["link"]
    room = service.body_maxlen - service.overflow_buffer
    if service.title_maxlen <= 0 or service.overflow_amalgamate_title:
        room -= len(title) + _TITLE_DRESS_CHARACTERS
    body = fit(request["body"], link, room)
    # Cut where a service takes less: an alert in forty pieces is no better.
    told: bool = service.notify(
        body=body,
        title=title,
        notify_type=NotifyType(request["type"]),
        body_format=NotifyFormat.TEXT,
        overflow=OverflowMode.TRUNCATE,
    )
    return told


def fit(text: str, link: str | None, room: int) -> str:
    """Return a text and its link in at most `room` characters, the link whole where that leaves words beside it."""
    tail = "" if link is None or link in text[:room] else f"\n\n{link}"
    if len(text) + len(tail) <= room or room - len(tail) < _BODY_CHARACTERS_LEAST:
        return text + tail
    return text[: room - len(tail) - 1].rstrip() + "…" + tail


def _telling(exchanges: list[Exchange], *, taken: bool) -> Exchange | None:
    """Return the exchange that shows what became of a send: the last that said yes, or the last that did not."""
    fitting = [each for each in exchanges if each.accepted == taken]
    return fitting[-1] if fitting else exchanges[-1] if exchanges else None


def _shown(exchange: Exchange) -> dict[str, Any]:
    return {
        "status": exchange.status,
        "accepted": exchange.accepted,
        "headers": {name: value[:200] for name, value in list(exchange.headers.items())[:50]},
        "reply": exchange.body[:_REPLY_BYTES_MAX].decode(errors="replace"),
        "trouble": exchange.trouble,
        "address": exchange.address,
    }


if __name__ == "__main__":
    # Loaded before the first fork: what it holds is shared by all children.
    assert apprise.__version__
    assert sys.flags.isolated, "run it as providers/apprise does"
    main()
