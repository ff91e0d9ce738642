"""The measures that a round is made of: one load against one program, with its rows counted."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import telling
from bench.detection import detect
from bench.floors.insert_64 import rows_per_second
from bench.floors.insert_duties import duties_per_second
from bench.grpc_load import GrpcPlan, generate_grpc
from bench.load import Plan, generate
from bench.messages import Target
from bench.outcomes import Outcome
from bench.programs import Floor, Program
from bench.service import Service

_tags = itertools.count()
_run = secrets.token_hex(4)


@dataclass(frozen=True)
class Sample:
    """One measure of one round. `cpu_us`: the measured process's own, a request; 0 where there is none."""

    value: float
    cpu_us: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    generator_us: float = 0.0
    fault: str = ""


@dataclass(frozen=True)
class Subjects:
    """What is measured, running, and how long at a time."""

    service: Service | None
    constant: Floor
    one_insert: Floor
    grpc_bare: Floor
    receiver: Floor
    folder: Path
    database_url: str
    run_targets: list[Target]
    ping_targets: list[Target]
    seconds: float


def starts_of(program: Callable[[Subjects], Floor | Service], connections: int = 64) -> Callable[[Subjects], Sample]:
    """Measure run starts over HTTP against a floor or the service."""
    return lambda subjects: _http(subjects, program(subjects), "starts", connections)


def script_of_service(script: str) -> Callable[[Subjects], Sample]:
    """Measure another script against the service."""
    return lambda subjects: _http(subjects, service_of(subjects), script, 64)


def grpc_starts_of(
    port: Callable[[Subjects], int], program: Callable[[Subjects], Program]
) -> Callable[[Subjects], Sample]:
    """Measure run starts over gRPC."""
    return lambda subjects: _grpc(subjects, port(subjects), program(subjects))


def insert_64(subjects: Subjects) -> Sample:
    """Measure PostgreSQL alone."""
    return Sample(rows_per_second(subjects.database_url, subjects.seconds))


def detection_lag(subjects: Subjects) -> Sample:
    """Measure how late the service finds silence while monitors fall due at the rate of 10,000 a minute."""
    service = service_of(subjects)
    cpu = service.cpu_us()
    detection = detect(subjects.database_url, subjects.seconds)
    cpu = service.cpu_us() - cpu
    return Sample(
        value=detection.percentile(0.99),
        cpu_us=cpu / max(len(detection.lags), 1),
        p50_ms=detection.percentile(0.5) * 1_000,
        p99_ms=detection.percentile(0.99) * 1_000,
        fault=f"{detection.missing} broken promises were never found" if detection.missing else "",
    )


def insert_duties(subjects: Subjects) -> Sample:
    """Measure PostgreSQL alone with rows as wide as a duty."""
    return Sample(duties_per_second(subjects.database_url, subjects.seconds))


def outbox(subjects: Subjects) -> Sample:
    """Measure a worker whose provider does nothing."""
    key = service_of(subjects).settings["LUOTA_ENCRYPTION_KEYS"]
    return _told(telling.settle(subjects.database_url, key, subjects.seconds))


def webhooks(subjects: Subjects) -> Sample:
    """Measure the real worker posting to a receiver on loopback."""
    settings = service_of(subjects).settings
    return _told(telling.post_webhooks(settings, subjects.receiver, subjects.folder, subjects.seconds))


def aiohttp_client(subjects: Subjects) -> Sample:
    """Measure aiohttp's client alone, posting to the same receiver."""
    return _told(telling.post_alone(subjects.receiver, subjects.seconds))


def service_of(subjects: Subjects) -> Service:
    """Return the service; a run of floors alone asks for no measure of it."""
    assert subjects.service is not None
    return subjects.service


def _told(told: telling.Telling) -> Sample:
    return Sample(told.per_second, told.cpu_us, fault=told.fault)


def _http(subjects: Subjects, program: Floor | Service, script: str, connections: int) -> Sample:
    targets = subjects.ping_targets if script == "pings" else subjects.run_targets
    plan = Plan(
        port=program.port,
        script=script,
        connections=connections,
        seconds=subjects.seconds,
        targets=targets,
        tag=_new_tag(),
    )
    return _checked(program, lambda: generate(plan), script)


def _grpc(subjects: Subjects, port: int, program: Program) -> Sample:
    plan = GrpcPlan(port=port, in_flight=32, seconds=subjects.seconds, targets=subjects.run_targets, tag=_new_tag())
    return _checked(program, lambda: generate_grpc(plan), "starts")


def _checked(program: Program, load: Callable[[], Outcome], script: str) -> Sample:
    before = program.rows() if isinstance(program, Service) else {}
    cpu = program.cpu_us()
    outcome = load()
    cpu = program.cpu_us() - cpu
    after = program.rows() if isinstance(program, Service) else {}
    grown = {name: count - before.get(name, 0) for name, count in after.items()}
    return Sample(
        value=outcome.per_second / (2 if script in {"pairs", "incidents"} else 1),
        cpu_us=cpu / max(outcome.accepted, 1),
        p50_ms=outcome.latency_ms.p50,
        p99_ms=outcome.latency_ms.p99,
        generator_us=outcome.cpu_us_per_request,
        fault=_fault(outcome, grown, script),
    )


def _fault(outcome: Outcome, grown: dict[str, int], script: str) -> str:
    """Say what does not add up: every request accepted, every accepted one a row, and no row besides."""
    if not outcome.clean:
        return f"answers {outcome.answers}, {outcome.unanswered} without answer"
    if not grown:
        return ""
    expected = {"signals": (outcome.accepted, outcome.accepted)}
    opened = -(-outcome.accepted // 2)  # the last of a connection may be the first half of its two
    if script == "starts":
        expected["runs"] = (outcome.accepted, outcome.accepted)
    if script == "pairs":
        expected["runs"] = (opened, opened + 64)
    if script == "incidents":
        # A connection that ended with a failure leaves an incident open, to which its next one adds.
        expected |= {"runs": (outcome.accepted, outcome.accepted), "incidents": (opened - 64, opened + 64)}
    kept = {
        "signals": sum(count for name, count in grown.items() if name.startswith("signals.")),
        "runs": grown.get("runs", 0),
        "incidents": grown.get("incidents", 0),
    }
    wrong = [f"{kept[name]} {name}" for name, (least, most) in expected.items() if not least <= kept[name] <= most]
    return f"{outcome.accepted} accepted but {', '.join(wrong)} kept" if wrong else ""


def _new_tag() -> str:
    return f"{_run}-{next(_tags):03d}"
