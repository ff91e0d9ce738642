"""Reporting: admit, join the batch in flight, answer what its commit said. One path for one signal and a hundred."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from luota_svc.model.errors import LuotaError
from luota_svc.model.signals import Accepted
from luota_svc.usecases.members import Member

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luota_svc.clock import Clock
    from luota_svc.model.call import Call
    from luota_svc.model.keys import KeyFacts
    from luota_svc.model.signals import Report
    from luota_svc.usecases.admission import Admission
    from luota_svc.usecases.lanes import IngestLanes

# What a member holds in the queue beside its own text: the draft rows, the future, the call.
_MEMBER_BYTES = 2_048


class Ingest:
    """The use case behind every ingest method."""

    def __init__(
        self, *, admission: Admission, lanes: IngestLanes, clock: Clock, on_key_used: Callable[[KeyFacts], None]
    ) -> None:
        """Take the two steps; `on_key_used` hears of each key whose signal landed."""
        self._admission = admission
        self._lanes = lanes
        self._clock = clock
        self._on_key_used = on_key_used

    async def report(self, call: Call, report: Report) -> Accepted:
        """Report one signal; return once it is committed. Raises what the contract's tables name."""
        facts, refusals = await self._admission.admit(call, (report,))
        if refusals[0] is not None:
            raise refusals[0]
        member = self._member(call, facts, report)
        self._lanes.join([member])
        accepted = await member.answer
        self._on_key_used(facts)
        return accepted

    async def report_many(self, call: Call, reports: Sequence[Report | LuotaError]) -> list[Accepted | Exception]:
        """Report several signals; each gets what its lone call would have got, in order, a fault of ours included.

        `reports` may hold refusals already (a signal that could not be read); they keep their place and cost nothing.
        """
        read = [report for report in reports if not isinstance(report, LuotaError)]
        if not read:
            # As with a lone call, what can't be read is said before anybody asks who sends it.
            return [entry for entry in reports if isinstance(entry, LuotaError)]
        facts, refusals = await self._admission.admit(call, read)
        places: list[Member | LuotaError] = []
        verdicts = iter(zip(read, refusals, strict=True))
        for entry in reports:
            if isinstance(entry, LuotaError):
                places.append(entry)
                continue
            report, refusal = next(verdicts)
            places.append(refusal or self._member(call, facts, report))
        members = [place for place in places if isinstance(place, Member)]
        if members:
            self._lanes.join(members)
            # A caller that leaves takes its members with it: gather cancels what is not answered yet.
            await asyncio.gather(*(member.answer for member in members), return_exceptions=True)
        answers: list[Accepted | Exception] = [
            self._answer_of(place) if isinstance(place, Member) else place for place in places
        ]
        if any(isinstance(answer, Accepted) for answer in answers):
            self._on_key_used(facts)
        return answers

    def _member(self, call: Call, facts: KeyFacts, report: Report) -> Member:
        evidence = report.evidence
        return Member(
            report=report,
            key=facts,
            received_at=call.received_at,
            joined_at=self._clock.monotonic(),
            expires_at=call.expires_at,
            door=call.door.value,
            request_id=call.request_id,
            caller_request_id=call.caller_request_id,
            traceparent=call.traceparent,
            source_address=call.source_address,
            size=_MEMBER_BYTES + len(evidence.payload or "") + len(evidence.output or ""),
            answer=asyncio.get_running_loop().create_future(),
        )

    def _answer_of(self, member: Member) -> Accepted | Exception:
        error = member.answer.exception()
        if error is None:
            return member.answer.result()
        if isinstance(error, Exception):
            return error
        raise error
