"""Run as a program: `luota-svc` under cProfile between two SIGUSR1, so that neither imports nor set-up are in it.

The argument before the service's own is the file that the second signal, or the end, writes.
"""

from __future__ import annotations

import cProfile
import signal
import sys

from luota_svc.__main__ import main

_profile = cProfile.Profile()
_running = False


def _toggle(*_: object) -> None:
    global _running  # noqa: PLW0603 - a signal's handler has nowhere else to keep it
    _running = not _running
    if _running:
        _profile.enable()
    else:
        _profile.disable()


if __name__ == "__main__":
    path = sys.argv.pop(1)
    signal.signal(signal.SIGUSR1, _toggle)
    try:
        sys.exit(main())
    finally:
        _profile.disable()
        _profile.dump_stats(path)
