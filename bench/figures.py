"""The figures: which measures each needs, what it is compared with, and how far it must reach."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import measures
from bench.measures import Sample, Subjects, service_of

# In the order of a round: a floor is measured beside what it is the floor of, for the machine's mood changes.
MEASURES: dict[str, Callable[[Subjects], Sample]] = {
    "constant": measures.starts_of(lambda subjects: subjects.constant),
    "http_starts": measures.starts_of(service_of),
    "one_insert": measures.starts_of(lambda subjects: subjects.one_insert),
    "http_starts_16": measures.starts_of(service_of, connections=16),
    "http_pairs": measures.script_of_service("pairs"),
    "http_pings": measures.script_of_service("pings"),
    "http_incidents": measures.script_of_service("incidents"),
    "grpc_bare": measures.grpc_starts_of(lambda s: s.grpc_bare.port, lambda s: s.grpc_bare),
    "grpc_starts": measures.grpc_starts_of(lambda s: service_of(s).grpc_port, service_of),
    "insert_64": measures.insert_64,
    "insert_duties": measures.insert_duties,
    "outbox": measures.outbox,
    "aiohttp_client": measures.aiohttp_client,
    "webhooks": measures.webhooks,
    "detection_lag": measures.detection_lag,
}
FLOORS = frozenset({"constant", "one_insert", "grpc_bare", "insert_64", "insert_duties", "aiohttp_client"})
MEMORY = "idle_memory"


@dataclass(frozen=True)
class Figure:
    """What is printed and kept. `reach` is of the ratio to the floor, `most` of the value; neither: only reported."""

    name: str
    what: str
    unit: str
    measure: str
    floor: str | None = None
    reach: float | None = None
    most: float | None = None
    read: Callable[[Sample], float] = lambda sample: sample.value

    @property
    def needs(self) -> set[str]:
        """The measures that it is made of."""
        return {self.measure} | ({self.floor} if self.floor else set())


FIGURES = (
    Figure("floor_constant", "floor: constant answer", "requests/s", "constant"),
    Figure("floor_one_insert", "floor: one script, one INSERT", "requests/s", "one_insert"),
    Figure("floor_grpc_bare", "floor: bare grpc.aio unary", "calls/s", "grpc_bare"),
    Figure("floor_insert_64", "floor: INSERT of 64 rows", "rows/s", "insert_64"),
    Figure("floor_insert_duties", "floor: INSERT of 64, as wide as a duty", "rows/s", "insert_duties"),
    Figure("floor_aiohttp_client", "floor: aiohttp's client posts the same", "posts/s", "aiohttp_client"),
    Figure("http_starts", "HTTP run starts, to constant", "starts/s", "http_starts", "constant", 0.30),
    Figure("http_starts_to_insert", "HTTP run starts, to one INSERT", "starts/s", "http_starts", "one_insert", 3.0),
    Figure("http_starts_p50_16", "p50 at 16 connections", "ms", "http_starts_16", read=lambda sample: sample.p50_ms),
    Figure("http_starts_p99_64", "p99 at 64 connections", "ms", "http_starts", read=lambda sample: sample.p99_ms),
    Figure("http_pairs", "start and success, pairs", "pairs/s", "http_pairs"),
    Figure("http_pings", "pings", "pings/s", "http_pings"),
    Figure("http_incidents", "fails that open, and heal", "incidents/s", "http_incidents"),
    Figure("grpc_starts", "gRPC run starts, to bare", "starts/s", "grpc_starts", "grpc_bare", 0.60),
    Figure("outbox", "claim and settle, 3,000 destinations", "deliveries/s", "outbox", "insert_duties", 0.25),
    Figure("webhooks", "signed webhooks, 3,000 destinations", "deliveries/s", "webhooks", "aiohttp_client", 0.30),
    Figure("detection_lag", "silence found, p99, 10,000 due/min", "s", "detection_lag", most=2.0),
    Figure("detection_lag_p50", "the same, p50", "ms", "detection_lag", read=lambda sample: sample.p50_ms),
)


def chosen(only: str | None, *, floors_only: bool) -> list[Figure]:
    """Return the figures whose name contains `only`; LookupError if there is none."""
    found = [
        figure
        for figure in FIGURES
        if (only is None or only in figure.name) and (not floors_only or figure.measure in FLOORS)
    ]
    if not found and (only is None or only not in MEMORY or floors_only):
        raise LookupError(
            f"no figure is called like {only!r}; there are {', '.join(f.name for f in FIGURES)}, {MEMORY}"
        )
    return found


def judged(figure: Figure, samples: Mapping[str, Sequence[Sample]]) -> dict[str, Any]:
    """Take the medians of the rounds and say whether the figure reaches.

    The ratio is the median of each round's own: a shared machine's mood changes between rounds, by as much as a factor
    of two, and a value of one mood over a floor of another says nothing.
    """
    values = [figure.read(sample) for sample in samples[figure.measure]]
    floors = [figure.read(sample) for sample in samples[figure.floor]] if figure.floor else []
    ratios = [value / floor for value, floor in zip(values, floors, strict=True)] if floors else []
    value, floor, ratio = (statistics.median(each) if each else None for each in (values, floors, ratios))
    assert value is not None
    return {
        "name": figure.name,
        "value": round(value, 2),
        "unit": figure.unit,
        "floor": round(floor, 2) if floor else None,
        "ratio": round(ratio, 3) if ratio else None,
        "reach": figure.reach if figure.most is None else figure.most,
        "holds": _holds(figure, value, ratio),
        "what": figure.what,
        "cpuUsPerRequest": round(statistics.median(sample.cpu_us for sample in samples[figure.measure]), 1),
        "generatorUsPerRequest": round(statistics.median(sample.generator_us for sample in samples[figure.measure]), 1),
        "rounds": [round(each, 2) for each in values],
        "ratios": [round(each, 3) for each in ratios],
    }


def _holds(figure: Figure, value: float, ratio: float | None) -> bool | None:
    if figure.most is not None:
        return value <= figure.most
    return None if figure.reach is None or ratio is None else ratio >= figure.reach


def judged_memory(idle_mib: float, after_mib: float) -> list[dict[str, Any]]:
    """Judge the service's resident memory: as it stands idle, and after the whole load."""
    return [
        _memory(MEMORY, "resident memory, idle", idle_mib, 120),
        _memory("loaded_memory", "resident memory, after the load", after_mib, 250),
    ]


def _memory(name: str, what: str, mib: float, reach: float) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(mib, 1),
        "unit": "MiB",
        "floor": None,
        "ratio": None,
        "reach": reach,
        "holds": mib <= reach,
        "what": what,
    }
