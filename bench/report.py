"""The table for people and the file for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_HEAD = ("figure", "value", "unit", "floor", "ratio", "reach", "holds", "CPU us", "rounds")


def table(figures: Sequence[dict[str, Any]]) -> str:
    """Lay the figures out in columns."""
    lines = [_HEAD, *(_line(figure) for figure in figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def write(path: Path, machine: dict[str, Any], figures: Sequence[dict[str, Any]], faults: Sequence[str]) -> None:
    """Write the results, whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"machine": machine, "figures": figures, "faults": faults}, indent=1) + "\n")
    part.replace(path)


def _line(figure: dict[str, Any]) -> tuple[str, ...]:
    holds = {None: "-", True: "yes", False: "NO"}[figure["holds"]]
    rounds = " ".join(_number(value) for value in figure.get("rounds", ()))
    cells = [figure["value"], figure["unit"], figure["floor"], figure["ratio"], figure["reach"]]
    return (figure["what"], *map(_number, cells), holds, _number(figure.get("cpuUsPerRequest") or None), rounds)


def _number(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"
