"""Reads the environment once, names every problem at once, and shows what came of it."""

from __future__ import annotations

import re
from collections import defaultdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from luota_svc.model.limits import IngestLimits
from luota_svc.settings import groups
from luota_svc.settings.table import NEIGHBOURS, SETTINGS, Setting
from luota_svc.settings.values import show

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from luota_svc.settings.groups import Settings
    from luota_svc.settings.values import Secret

_PREFIX: Final = "LUOTA_"
_SECRET_FILE_BYTES_MAX: Final = 65_536
_INJECTED_VALUE: Final = re.compile(r"(?:tcp|udp|sctp)://[0-9a-fA-F.:\[\]]+")
_INJECTED_NAME: Final = re.compile(r".*_(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_\w+)?)?)")


class SettingsError(Exception):
    """The environment cannot be used. `problems` are sentences, each beginning with its variable."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Take at least one problem."""
        self.problems = list(problems)
        super().__init__("; ".join(self.problems))


class Shown(NamedTuple):
    """One line of the effective configuration."""

    name: str
    value: str
    is_default: bool


def load(env: Mapping[str, str], *, required: Collection[str] = (), dev: bool = False) -> Settings:
    """Read `env`; `required` names variables that this command cannot do without, `dev` is told without TLS too.

    Raises SettingsError with all problems at once. An empty value is as good as none.
    """
    problems: list[str] = []
    given: set[str] = set()
    fields: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for setting in SETTINGS:
        known_problems = len(problems)
        text = _text_of(setting, env, problems)
        if text is not None:
            given.add(setting.name)
        elif setting.name in required and len(problems) == known_problems:
            remedy = f"; {setting.remedy}" if setting.remedy else ""
            problems.append(f"{' or '.join(setting.variables)}: must be set{remedy}")
        fields[setting.group][setting.field] = _value_of(setting, text, problems)
    problems.extend(_broken_relations(fields, given))
    if not dev and _deadman_lacks_tls(**fields["delivery"]):
        problems.append(
            "LUOTA_DEADMAN_URL: begins with http://, which LUOTA_DELIVERY_ALLOW_HTTP forbids: use https://, or set that"
            " to yes"
        )
    if problems:
        # A name with a typing error is often why another one "must be set".
        raise SettingsError([*problems, *_unknown(env)])
    doors = fields["doors"]
    doors["public_url"] = doors["public_url"] or doors["http_listen"].origin()
    return groups.Settings(
        database=groups.DatabaseSettings(**fields["database"]),
        redis=groups.RedisSettings(**fields["redis"]),
        doors=groups.DoorSettings(**doors),
        limits=IngestLimits(**fields["limits"]),
        smtp=groups.SmtpSettings(**fields["smtp"]),
        encryption=groups.EncryptionSettings(**fields["encryption"]),
        delivery=groups.DeliverySettings(**fields["delivery"]),
        bootstrap=groups.BootstrapSettings(**fields["bootstrap"]),
        stop=groups.StopSettings(**fields["stop"]),
        support=groups.SupportSettings(**fields["support"]),
        log=groups.LogSettings(**fields["log"]),
        given=frozenset(given),
        unknown=tuple(_unknown(env)),
    )


def effective(settings: Settings) -> list[Shown]:
    """Return every setting as it stands, in the table's order, secrets masked."""
    return [
        Shown(
            setting.variables[0],
            show(getattr(getattr(settings, setting.group), setting.field)),
            setting.name not in settings.given,
        )
        for setting in SETTINGS
    ]


def _text_of(setting: Setting, env: Mapping[str, str], problems: list[str]) -> str | None:
    found = [name for name in setting.variables if env.get(name, "").strip()]
    if not found:
        return None
    name = found[0]
    if len(found) > 1:
        problems.append(f"{name}: set it or {found[1]}, not both")
        return None
    text = env[name].strip()
    if _INJECTED_VALUE.fullmatch(text):
        problems.append(
            f"{name}: {text} is what Kubernetes injects for a Service of that name; "
            "rename the Service or set enableServiceLinks: false on the pod",
        )
        return None
    return text if name == setting.name else _text_of_file(name, text, problems)


def _text_of_file(name: str, path: str, problems: list[str]) -> str | None:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_SECRET_FILE_BYTES_MAX + 1)
        text = content.decode().strip()
    except OSError as error:
        problems.append(f"{name}: cannot read {path}: {error.strerror}")
    except UnicodeDecodeError:
        problems.append(f"{name}: {path} is not UTF-8 text")
    else:
        if text and len(content) <= _SECRET_FILE_BYTES_MAX:
            return text
        problems.append(f"{name}: {path} is {'larger than 64 KiB' if text else 'empty'}")
    return None


def _value_of(setting: Setting, text: str | None, problems: list[str]) -> Any:
    if text is None:
        text = setting.default
    if text is None:
        return None
    try:
        return setting.read(text)
    except ValueError as error:
        problems.append(f"{setting.variables[0]}: {error}")
        return None


def _broken_relations(fields: Mapping[str, Mapping[str, Any]], given: Collection[str]) -> list[str]:
    """Compare what could be read; None stands for a value that was a problem already."""
    problems = []
    drain, stop = fields["stop"]["drain_seconds"], fields["stop"]["stop_seconds"]
    if drain is not None and stop is not None and drain >= stop:
        problems.append(f"LUOTA_DRAIN_SECONDS: {drain} must be less than LUOTA_STOP_SECONDS, which is {stop}")
    http, grpc = fields["doors"]["http_listen"], fields["doors"]["grpc_listen"]
    if http is not None and http == grpc and http.port:
        problems.append(f"LUOTA_GRPC_LISTEN: {grpc} is LUOTA_HTTP_LISTEN's place too")
    if fields["smtp"]["url"] is not None and "LUOTA_SMTP_FROM" not in given:
        problems.append("LUOTA_SMTP_FROM: must be set where LUOTA_SMTP_URL is: the address that alerts come from")
    return problems


def _deadman_lacks_tls(*, deadman_url: Secret | None, allow_http: bool | None, **_others: Any) -> bool:
    """Tell whether every ping would be refused; None stands for a value that was a problem already, or for none."""
    return deadman_url is not None and allow_http is False and deadman_url.reveal().startswith("http:")


def _unknown(env: Mapping[str, str]) -> list[str]:
    known = {name for setting in SETTINGS for name in setting.variables}
    warnings = []
    for name in sorted(env):
        if not name.startswith(_PREFIX) or name in known or name in NEIGHBOURS or _INJECTED_NAME.fullmatch(name):
            continue
        near = get_close_matches(name, known, n=1, cutoff=0.75)
        hint = f"; did you mean {near[0]}?" if near else ""
        warnings.append(f"{name}: no such setting{hint}")
    return warnings
