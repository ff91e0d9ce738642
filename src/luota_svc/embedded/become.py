"""Run as a program: becomes a server that drops root's rights and ends when its parent does.

A program of its own, because a hook between fork and exec would run Python in a copy of a process whose other
threads hold locks. It is started with root's rights, so the interpreter may stand where nobody else can read it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
# nohup and background jobs of a shell hand these down ignored.
_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str]) -> None:
    """Take parent's pid, uid, gid, the signal for the parent's death and the command; never return."""
    parent, uid, gid, death_signal = map(int, arguments[:4])
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
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
    os.execv(arguments[4], arguments[4:])  # noqa: S606 - to become the server is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
