"""Run as a program: owns the servers of a state folder until it is told to stop, or is killed."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from functools import partial
from pathlib import Path

from luota_svc.embedded import EmbeddedError, run_servers

_say = partial(print, flush=True)


async def main(state_dir: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with run_servers(state_dir, log=partial(_say, file=sys.stderr)) as servers:
        _say(json.dumps({"database": servers.database_url, "redis": servers.redis_url}))
        await stop.wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(Path(sys.argv[1])))
    except EmbeddedError as error:
        sys.exit(f"error: {error}")
