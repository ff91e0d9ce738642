"""What docs/states.md says, as a model that predicts: its tables and nothing else. It calls no rule of the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

LOOK_AFTER = timedelta(seconds=1)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@dataclass(frozen=True)
class Promise:
    """The settings of a monitor that the tables name; None is not set. `every` is a sliding interval."""

    kind: str
    every: int | None = None
    grace: int = 300
    age: int | None = None
    most: int | None = None
    least: int | None = None
    stuck_after: int | None = None
    timeout: int = 86_400
    fail_at: int = 1
    heal_at: int = 1


@dataclass
class RunModel:
    """A run."""

    received: datetime
    last_sign: datetime
    timeout_at: datetime
    state: str = "running"
    stuck: bool = False
    slow: bool = False
    made_good: bool = False
    # False for a run that its close opened: it has no length.
    started: bool = True


@dataclass
class IncidentModel:
    """An incident; `began` is when the run began that it is about."""

    kind: str
    reason: str
    opened: datetime
    began: datetime | None
    muted: bool
    state: str = "open"
    resolution: str | None = None
    taken_until: datetime | None = None
    occurrences: int = 1
    timeline: list[str] = field(default_factory=lambda: ["opened"])


@dataclass
class MonitorModel:
    """A monitor with everything that happens to it, from its creation on."""

    promise: Promise
    created: datetime
    runs: dict[str, RunModel] = field(default_factory=dict)
    incidents: list[IncidentModel] = field(default_factory=list)
    failures: int = 0
    successes: int = 0
    good: bool = False
    heard: datetime | None = None
    newest: datetime | None = None
    last_judged: datetime | None = None
    paused_until: datetime | None = None
    muted_until: datetime | None = None
    windows: list[tuple[datetime, datetime]] = field(default_factory=list)
    gaps: list[tuple[datetime, datetime]] = field(default_factory=list)
    signal_keys: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.counts_from = self.settled = self.created

    # --- how it stands -------------------------------------------------------------------------------------------

    def state(self, now: datetime) -> str:
        if self.paused(now):
            return "paused"
        if any(incident.state != "resolved" for incident in self.incidents):
            return "failing"
        return "healthy" if self.good else "new"

    def paused(self, at: datetime) -> bool:
        return self.paused_until is not None and self.paused_until > at

    def standing(self, kind: str) -> IncidentModel | None:
        return next((i for i in self.incidents if i.kind == kind and i.state != "resolved"), None)

    def kinds_standing(self) -> list[str]:
        return [incident.kind for incident in self.incidents if incident.state != "resolved"]

    def quiet_until(self, at: datetime, began: datetime | None) -> datetime | None:
        """Mute and windows that touch are one; windows are not meant for a run that began before the first of them."""
        windows = [window for window in self.windows if began is None or self._first_start(window[0]) <= began]
        end = max(at, self.muted_until or at)
        while covering := [window[1] for window in windows if window[0] <= end < window[1]]:
            end = max(covering)
        return end if end > at else None

    def _first_start(self, start: datetime) -> datetime:
        while before := [window[0] for window in self.windows if window[0] < start <= window[1]]:
            start = min(before)
        return start

    # --- incidents -----------------------------------------------------------------------------------------------

    def breaks(self, kind: str, reason: str, at: datetime, run: RunModel | None = None) -> None:
        """Open, or count more of the same."""
        if incident := self.standing(kind):
            incident.occurrences += 1
            incident.timeline.append("occurrence")
            return
        began = run.received if run else None
        muted = self.quiet_until(at, began) is not None
        self.incidents.append(IncidentModel(kind, reason, at, began, muted))

    def recovers(self, kind: str) -> None:
        if incident := self.standing(kind):
            incident.timeline += ["recovered", "resolved"]
            incident.state, incident.resolution = "resolved", "recovered"

    def ends_stuck(self, at: datetime) -> None:
        if not self.paused(at) and not any(run.stuck for run in self.runs.values()):
            self.recovers("stuck")

    # --- messages ------------------------------------------------------------------------------------------------

    def start(self, name: str, at: datetime) -> str:
        """Take a start and return what it is."""
        if name in self.runs:
            return "repeat"
        self.runs[name] = RunModel(at, at, at + seconds(self.promise.timeout))
        self.heard = at
        if not self.paused(at):
            self.recovers("late")
        return "open"

    def progress(self, name: str, at: datetime) -> str:
        run = self.runs[name]
        if run.state != "running":
            return "after_close"
        run.last_sign, run.stuck, run.made_good = at, False, False
        self.ends_stuck(at)
        return "sign_of_life"

    def finish(self, name: str, at: datetime, *, good: bool, said: datetime | None) -> str:
        known = name in self.runs
        self.start(name, at)
        self.runs[name].started = self.runs[name].started and known
        return self.close(name, at, good=good, said=said)

    def close(self, name: str, at: datetime, *, good: bool, said: datetime | None) -> str:
        """Take a close; `said` is its own instant where it gives one."""
        run, closed = self.runs[name], "succeeded" if good else "failed"
        if run.state in {"succeeded", "failed"}:
            return "repeat" if run.state == closed else "conflict"
        decision = "close" if run.state == "running" else "late_close"
        run.state, run.stuck = closed, False
        older = said is not None and self.last_judged is not None and said < self.last_judged
        paused = self.paused(at)
        self.good = self.good or (good and not (older and not paused))
        if not (paused or older):
            instant = min(said or at, at)
            self.last_judged = max(instant, self.last_judged or instant)
            self._judge(run, at, good=good)
        self.ends_stuck(at)
        return decision

    def _judge(self, run: RunModel, at: datetime, *, good: bool) -> None:
        if not good:
            self.failures, self.successes = self.failures + 1, 0
            if self.standing("failed") or self.failures >= self.promise.fail_at:
                self.breaks("failed", "failures", at, run)
            return
        self.failures, self.successes = 0, self.successes + 1
        if self.successes >= self.promise.heal_at:
            self.recovers("failed")
        for other in self.runs.values():
            if other.stuck and other.received <= run.received:
                other.stuck, other.made_good = False, True
        if not run.started:
            return
        took = at - run.received
        if self.promise.most is not None and took > seconds(self.promise.most):
            if not run.slow:
                run.slow = True
                self.breaks("slow", "too_long", at, run)
        elif self.promise.least is not None and took < seconds(self.promise.least):
            self.breaks("fast", "too_short", at, run)
        else:
            self.recovers("slow")
            self.recovers("fast")

    def ping(self, at: datetime, *, said: datetime | None = None, key: str | None = None) -> str:
        if key in self.signal_keys:
            return "repeat"
        if key is not None:
            self.signal_keys.add(key)
        if self.promise.kind == "run":
            return "ping"
        self.heard = at
        if self.promise.age is None:
            self.good = True
            if not self.paused(at):
                self.failures, self.successes = 0, self.successes + 1
                if self.successes >= self.promise.heal_at:
                    self.recovers("missed")
            return "ping"
        changed = min(said or at, at)
        self.newest = max(changed, self.newest or changed)
        if changed + seconds(self.promise.age) > at:
            self.good = True
            if not self.paused(at):
                self.recovers("stale")
        return "ping"

    # --- operators -----------------------------------------------------------------------------------------------

    def acknowledge(self, kind: str, until: datetime | None) -> None:
        incident = self.standing(kind)
        assert incident is not None
        if (incident.state, incident.taken_until) != ("acknowledged", until):
            incident.state, incident.taken_until = "acknowledged", until
            incident.timeline.append("acknowledged")

    def resolve(self, kind: str) -> None:
        incident = self.standing(kind)
        assert incident is not None
        incident.state, incident.resolution = "resolved", "by_hand"
        incident.timeline.append("resolved")
        if kind == "failed":
            self.failures = 0

    def tell_of(self, kind: str, word: str) -> None:
        """Write a note or an assignee."""
        incident = self.standing(kind)
        assert incident is not None
        incident.timeline.append(word)

    def pause(self, until: datetime) -> None:
        self.failures = self.successes = 0
        self.paused_until = until

    def resume(self, at: datetime) -> None:
        if self.paused(at):
            self.failures = self.successes = 0
            self.paused_until, self.counts_from, self.settled = None, at, at

    def delete(self) -> None:
        for incident in self.incidents:
            if incident.state != "resolved":
                incident.state, incident.resolution = "resolved", "monitor_deleted"
                incident.timeline.append("resolved")

    # --- time ----------------------------------------------------------------------------------------------------

    def look(self, now: datetime) -> None:
        """Let time do what it does up to a second ago, and to incidents what it does up to now."""
        upto = now - LOOK_AFTER
        if self.paused_until is not None and self.paused_until <= upto:
            self.counts_from = max(self.counts_from, self.paused_until)
            self.settled = max(self.settled, self.paused_until)
            self.paused_until = None
        while (due := self._silence()) and due[0] <= upto and self.paused_until is None:
            _, settled, kind = due
            self.settled = settled
            never = self.newest is None if kind == "stale" else self.heard is None
            late = "too_old" if kind == "stale" else "no_signal"
            self.breaks(kind, "never_reported" if never else late, now)
            if kind == "missed":
                self.failures, self.successes = self.failures + 1, 0
        for run in sorted(self.runs.values(), key=lambda run: run.received):
            if run.state == "running":
                self._look_at_run(run, upto, now)
        for incident in self.incidents:
            self._look_at_incident(incident, now)

    def _silence(self) -> tuple[datetime, datetime, str] | None:
        """Return the next deadline, what is settled with it, and what it breaks."""
        if self.promise.age is not None:
            begin = max(self.counts_from, self.newest or self.counts_from)
            told = self.heard is not None and self.heard >= self.counts_from
            if told and self.newest is not None:
                begin = self.newest
            # A change that was too old at the outset, or when it was told, is said all the same, once.
            said_at = max(begin + seconds(self.promise.age), self.counts_from + seconds(1e-6))
            if said_at <= self.settled:
                return None
            deadline = max(self._anew(begin, self.promise.age), said_at)
            known = max(deadline, self.heard) if self.heard is not None else deadline
            return known, deadline, "stale"
        if self.promise.every is None:
            return None
        begin = max(self.settled, self.heard or self.settled)
        deadline = self._anew(begin, self.promise.every + self.promise.grace)
        return deadline, deadline - seconds(self.promise.grace), "late" if self.promise.kind == "run" else "missed"

    def _anew(self, begin: datetime, span: float) -> datetime:
        """Count a span from its beginning, and anew from the end of each gap of our own in it, or soon after one."""
        end = until = begin + seconds(span)
        for gone, back in self.gaps:
            if gone < min(end, until) and back > begin:
                end, until = max(end, back + seconds(span)), max(until, back + timedelta(hours=1))
        return end

    def _silent_from(self, run: RunModel) -> datetime:
        return max(run.last_sign, self.counts_from, self.paused_until or self.counts_from)

    def _stuck_at(self, run: RunModel) -> datetime:
        begin, promise = self._silent_from(run), self.promise
        if promise.stuck_after is not None:
            return self._anew(begin, promise.stuck_after)
        after = max(3_600, promise.most or 0)
        return self._anew(begin, after if promise.every is None else min(after, promise.every + promise.grace))

    def _expires_at(self, run: RunModel) -> datetime:
        met = any(gone < run.timeout_at and back > run.last_sign for gone, back in self.gaps)
        return max(run.timeout_at, self._stuck_at(run)) if met else run.timeout_at

    def _slow_at(self, run: RunModel) -> datetime | None:
        if self.promise.most is None:
            return None
        at = self._anew(run.received, self.promise.most)
        return max(at, self.paused_until or at)

    def _look_at_run(self, run: RunModel, upto: datetime, now: datetime) -> None:
        if self._expires_at(run) <= upto:
            judged = not (self.paused(upto) or run.made_good)
            if judged:
                self.failures, self.successes = self.failures + 1, 0
                if not run.stuck or self.standing("stuck"):
                    self.breaks("stuck", "expired", now, run)
                if self.standing("failed"):
                    self.breaks("failed", "", now, run)
            run.state, run.stuck = "expired", judged
            return
        if not (run.stuck or run.made_good) and self._stuck_at(run) <= upto:
            run.stuck = True
            self.breaks("stuck", "no_sign_of_life", now, run)
        slow_at = self._slow_at(run)
        if slow_at is not None and not (run.slow or run.made_good) and slow_at <= upto:
            run.slow = True
            self.breaks("slow", "too_long", now, run)

    def _look_at_incident(self, incident: IncidentModel, now: datetime) -> None:
        if incident.state == "acknowledged" and incident.taken_until is not None and incident.taken_until <= now:
            incident.state, incident.taken_until = "open", None
            incident.timeline.append("acknowledgement_ended")
        if incident.state != "resolved" and incident.muted and self.quiet_until(now, incident.began) is None:
            incident.muted = False
            incident.timeline.append("quiet_ended")

    def due_at(self, now: datetime) -> datetime | None:
        """Return the next instant at which time does something."""
        return min((at for at in self._due() if at > now), default=None)

    def _due(self) -> Iterator[datetime]:
        if self.paused_until is not None:
            yield self.paused_until + LOOK_AFTER
        if due := self._silence():
            yield due[0] + LOOK_AFTER
        for run in self.runs.values():
            if run.state == "running":
                yield self._expires_at(run) + LOOK_AFTER
                yield self._stuck_at(run) + LOOK_AFTER
                if slow_at := self._slow_at(run):
                    yield slow_at + LOOK_AFTER
        for incident in self.incidents:
            if incident.state == "acknowledged" and incident.taken_until is not None:
                yield incident.taken_until
            if incident.muted and incident.state != "resolved":
                yield from (end for end in (self.muted_until, *(end for _, end in self.windows)) if end)
