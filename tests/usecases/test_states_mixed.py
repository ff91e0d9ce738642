"""Whatever happens in whatever order, run, incidents and monitor stand as docs/states.md predicts.

Jobs, operators and time act on one monitor on a real PostgreSQL; a model of the page's tables says how all must stand
after each step.
"""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.builders import outcome_of
from tests.stage import Stage, stage
from tests.states import INCIDENT, kinds
from tests.states_model import MonitorModel, Promise

from luota_svc.model.errors import RunConflict
from luota_svc.model.runs import RunState
from luota_svc.model.signals import Accepted

FULL = os.environ.get("LUOTA_FAULTS") == "full"
EXAMPLES = {"run": 250, "heartbeat": 80, "freshness": 80} if FULL else {"run": 15, "heartbeat": 8, "freshness": 8}
STEPS = 50 if FULL else 25

NAMES = st.sampled_from("abcd")
SPANS = st.sampled_from([0, 1, 20, 31, 61, 130, 301, 700, 1_500, 4_000])
ENDS = st.sampled_from([45, 300, 1_000])

THRESHOLDS = st.integers(1, 2)
PROMISES = {
    "run": st.builds(
        Promise,
        kind=st.just("run"),
        every=st.sampled_from([None, 600]),
        grace=st.just(60),
        most=st.sampled_from([None, 120]),
        least=st.sampled_from([None, 30]),
        stuck_after=st.sampled_from([None, 200]),
        timeout=st.sampled_from([900, 5_000]),
        fail_at=THRESHOLDS,
        heal_at=THRESHOLDS,
    ),
    "heartbeat": st.builds(
        Promise,
        kind=st.just("heartbeat"),
        every=st.sampled_from([300, 600]),
        grace=st.just(30),
        heal_at=THRESHOLDS,
    ),
    "freshness": st.builds(Promise, kind=st.just("freshness"), age=st.sampled_from([300, 600])),
}
# What lives of each kind must have come to at full size; the walks of each edge do not hang on chance.
SEEN = {
    kind: {edge.word for edge in INCIDENT if edge.word not in {"assigned", "occurrence"}}
    | {word for drawn in kinds() if drawn.name in own for word in (drawn.name, *drawn.reasons)}
    | ({str(state) for state in RunState} if kind == "run" else set())
    for kind, own in {
        "run": {"failed", "late", "slow", "fast", "stuck"},
        "heartbeat": {"missed"},
        "freshness": {"stale"},
    }.items()
}


class Life(RuleBasedStateMachine):
    """The life of one monitor."""

    runner: ClassVar[asyncio.Runner]
    at: ClassVar[Stage]
    # Over all lives: which states runs came to, which kinds opened, and what happened to incidents.
    seen: ClassVar[set[str]]
    promises: ClassVar[st.SearchStrategy[Promise]]

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        promise = data.draw(self.promises)
        self.versions: dict[Any, int] = {}
        self.names: dict[str, str] = {}
        self.promise = promise
        self.monitor = self.runner.run(
            self.at.monitor(
                promise.kind,
                interval_seconds=promise.every,
                grace_seconds=promise.grace,
                max_age_seconds=promise.age,
                max_duration_seconds=promise.most,
                min_duration_seconds=promise.least,
                stuck_after_seconds=promise.stuck_after,
                timeout_seconds=promise.timeout if promise.kind == "run" else None,
                failure_threshold=promise.fail_at,
                recovery_threshold=promise.heal_at,
            )
        )
        self.model = MonitorModel(promise, self.now)

    def teardown(self) -> None:
        """End the life by deleting the monitor: whatever stands is resolved."""
        if hasattr(self, "model"):
            self.runner.run(self.at.delete(self.monitor))
            self.model.delete()
            self.incidents_stand_as_predicted()
            self.seen.update(run.state for run in self.model.runs.values())
            for incident in self.model.incidents:
                self.seen.update([incident.kind, incident.reason, *incident.timeline, str(incident.resolution)])
        self.at.forget()
        self.at.clock.advance(1)

    @property
    def now(self) -> datetime:
        return self.at.clock.now()

    def is_run(self) -> bool:
        return self.promise.kind == "run"

    # --- jobs ----------------------------------------------------------------------------------------------------

    def name(self, letter: str) -> str:
        return self.names.setdefault(letter, self.at.name())

    def said(self, *, old: bool) -> datetime | None:
        return self.at.after(-450) if old else None

    def sent(self, answer: Any, decision: str) -> None:
        """Compare an answer with what the model calls the message."""
        if decision == "conflict":
            assert isinstance(answer, RunConflict)
        else:
            assert isinstance(answer, Accepted)
            assert answer.duplicate == (decision == "repeat")
            assert (decision == "late_close") == any(n.note.startswith("late_close") for n in answer.notes)

    @precondition(is_run)
    @rule(letter=NAMES)
    def start(self, letter: str) -> None:
        name = self.name(letter)
        answer = self.runner.run(outcome_of(self.at.process.start(self.monitor, name)))
        self.sent(answer, self.model.start(name, self.now))

    @precondition(is_run)
    @rule(letter=NAMES, good=st.booleans(), old=st.booleans())
    def finish(self, letter: str, *, good: bool, old: bool) -> None:
        name, said = self.name(letter), self.said(old=old)
        answer = self.runner.run(
            outcome_of(self.at.process.finish(self.monitor, name, int(not good), occurred_at=said))
        )
        self.sent(answer, self.model.finish(name, self.now, good=good, said=said))

    @precondition(lambda self: self.model.runs)
    @rule(data=st.data())
    def progress(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(list(self.model.runs)))
        answer = self.runner.run(outcome_of(self.at.process.progress(self.monitor, name)))
        self.sent(answer, self.model.progress(name, self.now))

    @precondition(lambda self: self.model.runs)
    @rule(data=st.data(), good=st.booleans(), old=st.booleans())
    def close(self, data: st.DataObject, *, good: bool, old: bool) -> None:
        name, said = data.draw(st.sampled_from(list(self.model.runs))), self.said(old=old)
        send = self.at.process.success if good else self.at.process.fail
        answer = self.runner.run(outcome_of(send(self.monitor, name, occurred_at=said)))
        self.sent(answer, self.model.close(name, self.now, good=good, said=said))

    @rule(old=st.booleans(), key=st.sampled_from([None, None, "a", "b"]))
    def ping(self, *, old: bool, key: str | None) -> None:
        said = self.said(old=old)
        answer = self.runner.run(outcome_of(self.at.process.ping(self.monitor, key, occurred_at=said)))
        self.sent(answer, self.model.ping(self.now, said=said, key=key))

    @rule()
    def do_well(self) -> None:
        """Let what the monitor waits for happen: without it, few lives would see a recovery."""
        if self.is_run():
            self.names.clear()
            self.finish("a", good=True, old=False)
        else:
            self.ping(old=False, key=None)

    @precondition(lambda self: self.is_run() and self.promise.least)
    @rule()
    def hurry(self) -> None:
        """Let a run end as soon as it has begun: left to chance, hardly any does."""
        self.names.clear()
        self.start("a")
        self.finish("a", good=True, old=False)

    # --- operators -----------------------------------------------------------------------------------------------

    def one_that_stands(self, data: st.DataObject) -> tuple[str, Any]:
        """Draw one of the incidents that stand."""
        kind = data.draw(st.sampled_from(self.model.kinds_standing()))
        return kind, self.at.standing(self.monitor)[kind]["id"]

    @precondition(lambda self: self.model.kinds_standing())
    @rule(data=st.data(), seconds=st.one_of(st.none(), ENDS))
    def acknowledge(self, data: st.DataObject, seconds: int | None) -> None:
        kind, incident = self.one_that_stands(data)
        self.runner.run(self.at.acknowledge(incident, seconds))
        self.model.acknowledge(kind, None if seconds is None else self.at.after(seconds))

    @precondition(lambda self: self.model.kinds_standing())
    @rule(data=st.data())
    def acknowledge_for_too_short(self, data: st.DataObject) -> None:
        """Let an acknowledgement end while its incident stands: left to chance, some mixtures never see that."""
        self.acknowledge(data, 45)
        self.pass_time(61)

    @precondition(lambda self: self.model.kinds_standing())
    @rule(data=st.data())
    def resolve(self, data: st.DataObject) -> None:
        kind, incident = self.one_that_stands(data)
        self.runner.run(self.at.resolve(incident))
        self.model.resolve(kind)

    @precondition(lambda self: self.model.kinds_standing())
    @rule(data=st.data())
    def note(self, data: st.DataObject) -> None:
        kind, incident = self.one_that_stands(data)
        self.runner.run(self.at.note(incident))
        self.model.tell_of(kind, "note")

    @rule(seconds=ENDS)
    def pause(self, seconds: int) -> None:
        self.runner.run(self.at.pause(self.monitor, seconds))
        self.model.pause(self.at.after(seconds))

    @rule()
    def resume(self) -> None:
        self.runner.run(self.at.resume(self.monitor))
        self.model.resume(self.now)

    @rule(seconds=ENDS)
    def mute(self, seconds: int) -> None:
        self.runner.run(self.at.mute(self.monitor, seconds))
        self.model.muted_until = self.at.after(seconds)

    @rule()
    def unmute(self) -> None:
        self.runner.run(self.at.unmute(self.monitor))
        self.model.muted_until = None

    @rule(seconds=ENDS)
    def window(self, seconds: int) -> None:
        self.runner.run(self.at.window(seconds, self.monitor))
        self.model.windows.append((self.now, self.at.after(seconds)))

    # --- time ----------------------------------------------------------------------------------------------------

    @rule(seconds=SPANS)
    def pass_time(self, seconds: int) -> None:
        """Go from instant to instant at which the service or the model has something to do."""
        end = self.at.after(seconds)
        while self.now < end:
            dues = [at for at in (self.at.due_at(), self.model.due_at(self.now), end) if at is not None]
            self.at.clock.advance(max(0.0, (min(dues) - self.now).total_seconds()))
            self.look()
        self.look()

    @rule(seconds=SPANS)
    def pass_more_time(self, seconds: int) -> None:
        """Do the same: time passes more often than anybody does something."""
        self.pass_time(seconds)

    @rule(seconds=st.sampled_from([40, 400, 1_000]))
    def be_away(self, seconds: int) -> None:
        """Take no signals for so long; what would have been due meanwhile is looked at afterwards."""
        gone = self.now
        self.runner.run(self.at.be_away(seconds))
        self.model.gaps.append((gone, self.now))
        self.model.look(self.now)

    def look(self) -> None:
        self.runner.run(self.at.look())
        self.model.look(self.now)
        self.stands_as_predicted()

    # --- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def stands_as_predicted(self) -> None:
        runs = {
            row["external_run_id"]: (row["state"], row["stuck_at"] is not None, row["slow_at"] is not None)
            for row in self.at.runs(self.monitor)
        }
        assert runs == {name: (run.state, run.stuck, run.slow) for name, run in self.model.runs.items()}
        self.incidents_stand_as_predicted()
        assert self.at.counters(self.monitor) == (self.model.failures, self.model.successes)
        assert self.runner.run(self.at.read(self.monitor)).state == self.model.state(self.now)

    def incidents_stand_as_predicted(self) -> None:
        stand = [
            (
                *(row[name] for name in ("kind", "reason", "opened_at", "state", "resolution", "muted")),
                row["acknowledged_until"] if row["state"] == "acknowledged" else None,
                row["occurrence_count"],
                self.at.timeline(row["id"]),
            )
            for row in self.at.incidents(self.monitor)
        ]
        predicted = [
            (
                *(incident.kind, incident.reason, incident.opened, incident.state, incident.resolution, incident.muted),
                incident.taken_until if incident.state == "acknowledged" else None,
                incident.occurrences,
                incident.timeline,
            )
            for incident in self.model.incidents
        ]
        assert sorted(stand, key=repr) == sorted(predicted, key=repr)

    @invariant()
    def keeps_every_invariant(self) -> None:
        rows = self.at.incidents(self.monitor)
        standing = [row["kind"] for row in rows if row["resolved_at"] is None]
        assert len(standing) == len(set(standing))
        assert 0 in self.at.counters(self.monitor)
        for row in rows:
            assert (row["state"] == "resolved") == (row["resolved_at"] is not None) == (row["resolution"] is not None)
            assert row["state"] != "acknowledged" or row["acknowledged_at"] is not None
            assert row["resolved_at"] is None or row["next_deadline_at"] is row["tell_at"] is None
            assert row["version"] >= self.versions.get(row["id"], 0)
            self.versions[row["id"]] = row["version"]
            numbers = self.at.world.rows(
                "SELECT number FROM incident_events WHERE incident_id = %s ORDER BY number", row["id"]
            )
            assert [found["number"] for found in numbers] == list(range(1, row["event_count"] + 1))
        assert self.at.world.count("incidents", "monitor_id = %s", self.monitor) == self.at.world.count(
            "incident_packets p", "p.incident_id IN (SELECT id FROM incidents WHERE monitor_id = %s)", self.monitor
        )
        for run in self.at.runs(self.monitor):
            assert (run["state"] == "running") == (run["finished_at"] is None)
            assert run["next_deadline_at"] is None or run["state"] == "running"


@pytest.mark.timeout(3_600 if FULL else 120)
@pytest.mark.faults
@pytest.mark.parametrize("kind", PROMISES)
def test_whatever_happens_all_stands_as_the_page_predicts(database_url: str, kind: str):
    Life.promises, Life.seen = PROMISES[kind], set()
    with asyncio.Runner() as runner:
        context = stage(database_url)
        Life.runner, Life.at = runner, runner.run(context.__aenter__())
        try:
            run_state_machine_as_test(
                Life,
                settings=settings(
                    max_examples=EXAMPLES[kind],
                    stateful_step_count=STEPS,
                    deadline=None,
                    derandomize=not FULL,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(context.__aexit__(None, None, None))
    assert not FULL or Life.seen >= SEEN[kind]
