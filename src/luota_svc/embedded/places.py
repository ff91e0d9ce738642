"""Where the servers' data and sockets are and whom the servers run as. Never opens or changes a folder not ours."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from luota_svc.embedded.errors import EmbeddedError
from luota_svc.embedded.processes import Account

# For data that root's state folder can't hold, and programs that a wheel can't show, because nobody can't get there.
# Not below /var/tmp: that is swept after 30 days, and anyone could have made our folder first.
PLACES_OF_ROOT = Path("/var/lib/luota-svc")
_POINTER = "data-folder"
_RECORD = "socket-folder"
_SOCKET_PREFIX = "luota-"
# The kernel takes 107 bytes (103 elsewhere) of path; the longest name in the folder needs 20.
_SOCKET_FOLDER_BYTES = 80


@dataclass(frozen=True, slots=True)
class Place:
    """One pair of servers: the folder of their data, the folder of their sockets, whom they run as."""

    data: Path
    sockets: Path
    account: Account

    def make_folder(self, name: str) -> Path:
        """Return a folder for the servers' account alone below the data folder, made if it is not there."""
        folder = self.data / name
        folder.mkdir(mode=0o700, exist_ok=True)
        _give(folder, self.account)
        return folder

    def remove_sockets(self) -> None:
        """Remove the folder of the sockets; nothing else is removed."""
        shutil.rmtree(self.sockets, ignore_errors=True)
        (self.data / _RECORD).unlink(missing_ok=True)


def take_place(state_dir: Path, log: Callable[[str], None]) -> Place:
    """Choose where things are for a state folder that we hold the lock of, and make the folder of the sockets."""
    data = _data_folder(state_dir, log)
    account = _account_for(data)
    _remove_predecessors_sockets(data, account)
    sockets = _make_socket_folder(account)
    (data / _RECORD).write_text(f"{sockets}\n")
    return Place(data, sockets, account)


def reachable(path: Path, account: Account) -> bool:
    """Tell by the mode bits whether `account` may read the file or pass through the folder, and get there at all."""
    path = path.resolve()
    passes = all(_allows(folder, account, 0o1) for folder in path.parents)
    return passes and _allows(path, account, 0o1 if path.is_dir() else 0o4)


def nobody() -> Account:
    """Return the account that root's servers run as."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError("PostgreSQL refuses to run as root and this machine has no user `nobody`") from None
    return Account(entry.pw_uid, entry.pw_gid)


def folder_of_root() -> Path:
    """Return the folder that only root writes in and everybody passes through, made if it is not there."""
    try:
        PLACES_OF_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(f"{PLACES_OF_ROOT} can't be made: {error.strerror}") from None
    if not _only_root_writes(PLACES_OF_ROOT) or not reachable(PLACES_OF_ROOT, nobody()):
        raise EmbeddedError(f"{PLACES_OF_ROOT} must be root's folder, mode 755, for data that nobody's servers reach")
    return PLACES_OF_ROOT


def _data_folder(state_dir: Path, log: Callable[[str], None]) -> Path:
    pointer = state_dir / _POINTER
    if pointer.exists():
        return _pointed_at(pointer)
    if os.geteuid() != 0 or (state_dir / "postgres").exists() or reachable(state_dir, nobody()):
        return state_dir
    # A name of its own, so that a state folder removed and made again starts afresh.
    data = Path(tempfile.mkdtemp(prefix=f"{state_dir.name.lstrip('.')}-", dir=folder_of_root()))
    data.chmod(0o711)
    pointer.write_text(f"{data}\n")
    log(f"data is kept in {data}, because the servers run as nobody and can't reach {state_dir}")
    return data


def _pointed_at(pointer: Path) -> Path:
    data = Path(pointer.read_text().strip())
    if os.geteuid() != 0:
        raise EmbeddedError(f"state folder {pointer.parent} was made by root: start as root, or choose another folder")
    # Whoever may write the pointer must not make root work in a folder of his choice.
    if data.parent != PLACES_OF_ROOT or not data.is_dir() or not _only_root_writes(data):
        raise EmbeddedError(
            f"{pointer} names {data}, which is no data folder of root's: remove {pointer} to start anew"
        )
    return data


def _account_for(data: Path) -> Account:
    """Return ourselves; as root whoever owns the data that is there already, else nobody."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    try:
        owner = (data / "postgres").lstat()
    except FileNotFoundError:
        return nobody()
    return Account(owner.st_uid, owner.st_gid) if owner.st_uid != 0 else nobody()


def _remove_predecessors_sockets(data: Path, account: Account) -> None:
    try:
        folder = Path((data / _RECORD).read_text().strip())
        ours = folder.name.startswith(_SOCKET_PREFIX) and folder.lstat().st_uid == account.uid
    except OSError:
        return
    if ours and folder.parent in _temporary_folders() and stat.S_ISDIR(folder.lstat().st_mode):
        shutil.rmtree(folder, ignore_errors=True)


def _make_socket_folder(account: Account) -> Path:
    for parent in _temporary_folders():
        short = len(os.fsencode(parent)) <= _SOCKET_FOLDER_BYTES
        if short and parent.is_dir() and os.access(parent, os.W_OK) and reachable(parent, account):
            folder = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX, dir=parent))
            _give(folder, account)
            return folder
    raise EmbeddedError("no temporary folder for the sockets: /tmp must be writable, or set TMPDIR to a short path")


def _temporary_folders() -> list[Path]:
    return list(dict.fromkeys((Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve())))  # noqa: S108 - mkdtemp


def _allows(path: Path, account: Account, bits: int) -> bool:
    about = path.stat()
    if account.uid == 0:
        return True
    shift = 6 if about.st_uid == account.uid else 3 if about.st_gid == account.gid else 0
    return about.st_mode >> shift & bits == bits


def _only_root_writes(folder: Path) -> bool:
    about = folder.lstat()
    return stat.S_ISDIR(about.st_mode) and about.st_uid == 0 and not about.st_mode & 0o022


def _give(path: Path, account: Account) -> None:
    if os.geteuid() == 0:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
