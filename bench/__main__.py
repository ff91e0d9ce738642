"""`python -m bench`: start what is measured on private servers, measure in interleaved rounds, print and keep.

Exit code 0 also where a figure does not reach what it should, for the machine may be busy: the table says so. It is 1
where what was answered and what was kept differ: that is never the machine.
"""

from __future__ import annotations

import argparse
import os
import pstats
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import report, telling
from bench.figures import FLOORS, MEASURES, MEMORY, chosen, judged, judged_memory
from bench.load import Plan, generate
from bench.machine import describe
from bench.measures import Sample, Subjects
from bench.messages import Target
from bench.programs import Floor
from bench.service import Service
from luota_svc.embedded import PrivateServers, Servers

_RESULTS = Path(__file__).parent / "results.json"
_PROFILE = Path(__file__).parent / "profile.pstats"
_POOL_SIZES = (4, 8, 16, 32)
_UNKNOWN = Target("0190163d-8694-739b-aea5-966c26f8ad91", "wfws1.0190163d-8694-739b-aea5-966c26f8ad92.secret")


def main() -> int:
    """Read the options and do what they say."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure Luota against floors of the same run."
    )
    parser.add_argument("--quick", action="store_true", help="one short round of everything: does it work at all?")
    parser.add_argument("--only", help="only figures whose name contains this")
    parser.add_argument("--rounds", type=int, help="how many interleaved rounds (default 3; 1 with --quick)")
    parser.add_argument(
        "--seconds", type=float, help="how long each measure takes in a round (default 4; 1 with --quick)"
    )
    parser.add_argument("--monitors", type=int, default=500, help="how many run monitors are reported to (default 500)")
    parser.add_argument("--floors", action="store_true", help="only the floors, without the service")
    parser.add_argument(
        "--profile", metavar="SCRIPT", nargs="?", const="starts", help="profile the service under one script"
    )
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (1.0 if options.quick else 4.0)
    with _private_servers() as (servers, folder):
        return _profile(servers, folder, options) if options.profile else _measure(servers, folder, options)


def _measure(servers: Servers, folder: Path, options: argparse.Namespace) -> int:
    figures = chosen(options.only, floors_only=options.floors)
    wanted = [name for name in MEASURES if any(name in figure.needs for figure in figures)]
    about_memory = options.only is None or options.only in MEMORY
    machine = describe()
    memory: list[dict[str, object]] = []
    samples: dict[str, list[Sample]] = defaultdict(list)
    with ExitStack() as stack:
        needs_service = not options.floors and (about_memory or not FLOORS.issuperset(wanted))
        service = stack.enter_context(Service(servers, folder)) if needs_service else None
        idle_mib = service.resident_mib() if service else 0.0
        pool_size = _best_pool_size(servers, options) if "one_insert" in wanted else _POOL_SIZES[0]
        subjects = Subjects(
            service=service,
            constant=stack.enter_context(Floor("constant")),
            one_insert=stack.enter_context(_one_insert(servers, pool_size)),
            grpc_bare=stack.enter_context(Floor("grpc_bare")),
            receiver=stack.enter_context(Floor("receiver")),
            folder=folder,
            database_url=servers.database_url,
            run_targets=service.make_targets(options.monitors, "run") if service else [_UNKNOWN],
            ping_targets=service.make_targets(options.monitors, "heartbeat") if service else [_UNKNOWN],
            seconds=options.seconds,
        )
        for number in range(options.rounds):
            for name in wanted:
                sample = MEASURES[name](subjects)
                samples[name].append(sample)
                _say(f"round {number + 1}  {name:<16}{sample.value:>12,.1f} {sample.cpu_us:>7.1f} us  {sample.fault}")
        if service and about_memory:
            memory = judged_memory(idle_mib, service.resident_mib())
    results = [judged(figure, samples) for figure in figures] + memory
    faults = [f"{name}: {sample.fault}" for name, taken in samples.items() for sample in taken if sample.fault]
    report.write(_RESULTS, machine | {"oneInsertPoolSize": pool_size}, results, faults)
    print(report.table(results))
    print(f"\nMedians of {options.rounds} rounds of {options.seconds:g} s; kept in {_RESULTS.relative_to(Path.cwd())}")
    for fault in faults:
        print("WRONG:", fault)
    return 1 if faults else 0


def _profile(servers: Servers, folder: Path, options: argparse.Namespace) -> int:
    """Run one script against the service under cProfile and print where its own time went."""
    if options.profile == "outbox":
        return _profile_outbox(servers, folder, options)
    with Service(servers, folder, profile=_PROFILE) as service:
        targets = service.make_targets(options.monitors, "heartbeat" if options.profile == "pings" else "run")
        plan = Plan(service.port, options.profile, 64, max(options.seconds, 5.0), targets, "profile")
        service.toggle_profile()
        outcome = generate(plan)
        service.toggle_profile()
    _print_profile(f"{outcome.accepted} accepted")
    return 0


def _profile_outbox(servers: Servers, folder: Path, options: argparse.Namespace) -> int:
    """Run a worker whose provider does nothing under cProfile; Service is there for its tables alone."""
    with Service(servers, folder) as service:
        key = service.settings["LUOTA_ENCRYPTION_KEYS"]
        told = telling.settle(servers.database_url, key, max(options.seconds, 5.0), profile=str(_PROFILE))
    _print_profile(f"{told.per_second:,.0f} deliveries/s {told.fault}")
    return 0


def _print_profile(what: str) -> None:
    print(f"{what}; the loop's own line holds the idle time, and calls of Python look too dear\n")
    statistics = pstats.Stats(str(_PROFILE), stream=sys.stdout)
    statistics.sort_stats("tottime").print_stats(45)
    statistics.sort_stats("cumulative").print_stats("luota_svc", 45)
    print(f"The whole of it is in {_PROFILE}: python -m pstats {_PROFILE}")


def _best_pool_size(servers: Servers, options: argparse.Namespace) -> int:
    """Give the floor the pool's size that suits it best on this machine."""
    rates = {}
    for size in _POOL_SIZES[2:3] if options.quick else _POOL_SIZES:
        with _one_insert(servers, size) as floor:
            plan = Plan(floor.port, "starts", 64, min(options.seconds, 2.0), [_UNKNOWN], f"pool-{size}")
            rates[size] = generate(plan).per_second
            _say(f"one_insert with a pool of {size}: {rates[size]:,.0f}/s")
    return max(rates, key=rates.__getitem__)


def _one_insert(servers: Servers, pool_size: int) -> Floor:
    environment = {"LUOTA_DATABASE_URL": servers.database_url, "LUOTA_REDIS_URL": servers.redis_url}
    return Floor("one_insert", str(pool_size), environment=environment)


@contextmanager
def _private_servers() -> Iterator[tuple[Servers, Path]]:
    """Start PostgreSQL (fsync on, synchronous commit on) and Valkey, both empty, for this run alone."""
    with tempfile.TemporaryDirectory(prefix="luota-bench-") as name:
        folder, state = Path(name), Path(name) / "state"
        state.mkdir()
        if os.geteuid() == 0:  # the servers run as nobody, who must reach their data
            folder.chmod(0o711)
            state.chmod(0o755)
        with PrivateServers(state, log=_say) as private:
            yield private.servers, folder


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
