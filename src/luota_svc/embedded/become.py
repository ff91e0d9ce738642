"""Run as a program: becomes a server that drops root's rights, ends when its parent does and shows that it lives.

A program of its own, because a hook between fork and exec would run Python in a copy of a process whose other
threads hold locks. It is started with root's rights, so the interpreter may stand where nobody else can read it.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
# nohup and background jobs of a shell hand these down ignored.
_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str]) -> None:
    """Take parent's pid, uid, gid, the signal for the parent's death, the life file and the command; never return."""
    parent, uid, gid, death_signal = map(int, arguments[:4])
    life_file, *command = arguments[4:]
    _show_life(life_file)
    prctl = _prctl()
    if os.geteuid() == 0 and uid != 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, death_signal)  # after setuid, which clears it
    if os.getppid() != parent:
        sys.exit("the parent ended first")  # before the kernel was asked to tell us
    os.umask(0o077)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execv(command[0], command)  # noqa: S606 - to become the server is the purpose


def _show_life(life_file: str) -> None:
    """Lock the file and leave it open: the lock lasts until the server and all its children have ended."""
    descriptor = os.open(life_file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    os.set_inheritable(descriptor, True)


def _prctl() -> Callable[[int, int], int] | None:
    """Return the kernel's call, where there is one. Looked up while root can still read the library."""
    if sys.platform != "linux":
        return None
    try:
        from ctypes import CDLL
    except ImportError:  # a Python built without libffi: the next start ends what is left over
        return None
    return CDLL(None).prctl


if __name__ == "__main__":
    main(sys.argv[1:])
