"""Waiting for what gives no sign, with a bound."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any


async def until(happened: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Look again and again until `happened`, a coroutine function or not, says yes; return what it said."""
    pause = 0.01
    async with asyncio.timeout(seconds):
        while True:
            said = happened()
            if inspect.isawaitable(said):
                said = await said
            if said:
                return said
            await asyncio.sleep(pause)
            # Whoever looks all the time takes the core from what it waits for.
            pause = min(pause * 1.2, 0.05)
