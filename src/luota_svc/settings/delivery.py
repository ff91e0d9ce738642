"""How the settings of delivery are read. Readers raise ValueError with a reason that shows no password."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from luota_svc.rules.address import Network
from luota_svc.rules.address_guard import opens_nothing
from luota_svc.settings.values import MASK, Secret, read_networks, read_url

_FLAGS: Final = {
    "yes": True,
    "true": True,
    "on": True,
    "1": True,
    "no": False,
    "false": False,
    "off": False,
    "0": False,
}
_DELAYS_MAX: Final = 20
# A duty expires after a day: a longer wait would be for nothing.
_DELAY_MAX: Final = 86_400


def read_flag(text: str) -> bool:
    """Read yes or no, in any case; true, on, 1 and their opposites too."""
    flag = _FLAGS.get(text.lower())
    if flag is None:
        raise ValueError("must be yes or no")
    return flag


def read_allowed_subnets(text: str) -> tuple[Network, ...]:
    """Read comma separated addresses and CIDR blocks; one that stays closed whatever is set is a mistake."""
    networks = read_networks(text)
    for reason in filter(None, map(opens_nothing, networks)):
        raise ValueError(reason)
    return networks


def read_ca_file(text: str) -> Path:
    """Read a path and prove that certificates stand there."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=text)
    except ssl.SSLError:
        raise ValueError(f"{text} holds no certificates in PEM form") from None
    except OSError as error:
        raise ValueError(f"cannot read {text}: {error.strerror}") from error
    return Path(text)


def read_proxy_url(text: str) -> Secret:
    """Read the URL of an HTTP proxy: a scheme, perhaps a name and a password, a host and perhaps a port."""
    secret = read_url("http", "https")(text)
    parts = urlsplit(text)
    if not parts.hostname:
        raise ValueError("must name a host; is a password not escaped?")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("must end after the host and the port; is a password not escaped?")
    return secret


class PathSecret(Secret):
    """A URL that whoever knows it may use: no more than its host is shown."""

    __slots__ = ()

    def masked(self) -> str:
        """Return the URL as far as its host."""
        parts = urlsplit(self.reveal())
        return f"{parts.scheme}://{parts.hostname}/{MASK}"

    def passwords(self) -> list[str]:
        """Return what logs must not hold: all of it, and all that follows the host."""
        parts = urlsplit(self.reveal())
        return [each for each in (self.reveal(), parts.path.strip("/"), parts.query) if each]


def read_deadman_url(text: str) -> Secret:
    """Read the URL of another monitor; its path is its secret."""
    read_url("http", "https")(text)
    parts = urlsplit(text)
    if not parts.hostname or parts.username is not None or parts.fragment:
        raise ValueError("must name a host, and hold no user and no fragment")
    return PathSecret(text)


def read_delays(text: str) -> tuple[int, ...]:
    """Read 1 to 20 comma separated numbers of seconds, each from 0 to a day."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > _DELAYS_MAX or not all(re.fullmatch(r"[0-9]{1,5}", part) for part in parts):
        raise ValueError(f"must be 1 to {_DELAYS_MAX} whole numbers of seconds, comma separated, such as 0,5,30")
    delays = tuple(map(int, parts))
    if max(delays) > _DELAY_MAX:
        raise ValueError(f"must not wait longer than {_DELAY_MAX} s, for an alert is given up after a day")
    return delays
