"""Waiting for what gives no sign, with a bound."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any


async def until(happened: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Look again and again until `happened`, a coroutine function or not, says yes; return what it said."""
    async with asyncio.timeout(seconds):
        while True:
            said = happened()
            if inspect.isawaitable(said):
                said = await said
            if said:
                return said
            await asyncio.sleep(0.01)
