"""Apprise's children: many at once, none that holds others up, and none that outlives its Luota."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.providers.apprise_desk import K, make_provider, receiver, tell, told_by
from tests.providers.email_alerts import opened
from tests.providers.vendor_receivers import Said, Vendor, dispatch_of, vendor
from tests.waiting import until

from luota_svc.providers import apprise as provider_module

__all__ = ["receiver"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_many_are_told_at_once_and_one_that_hangs_holds_none_up(receiver: Vendor) -> None:
    made = make_provider(at_once_most=8)
    tasks = []
    async with vendor() as hanging:
        hanging.answer = Said(0)
        tasks = [asyncio.create_task(tell(made, told_by(hanging))) for _ in range(4)]
        outcomes = await asyncio.gather(*(tell(made, told_by(receiver)) for _ in range(20)))
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await made.aclose()
    assert {outcome.kind for outcome in outcomes} == {K.DELIVERED}


async def test_without_room_it_is_deferred_and_spends_no_attempt(
    receiver: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_module, "_SLOT_SECONDS", 0.05)
    made = make_provider(at_once_most=0)
    outcome = await tell(made, told_by(receiver))
    await made.aclose()
    assert (outcome.kind, outcome.retry_after_seconds) == (K.THROTTLED, 5)


async def test_a_process_that_was_killed_is_started_again(receiver: Vendor) -> None:
    made = make_provider()
    assert (await tell(made, told_by(receiver))).kind is K.DELIVERED
    killed = made._nursery.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await gone(killed)
    assert (await tell(made, told_by(receiver))).kind is K.DELIVERED
    assert made._nursery.pid not in {None, killed}
    await made.aclose()
    await made.aclose()


async def test_a_process_that_was_killed_beside_a_child_that_hangs_is_started_again(receiver: Vendor) -> None:
    made = make_provider()
    receiver.answers.append(Said(0))
    waiting = asyncio.create_task(tell(made, told_by(receiver)))
    await until(lambda: bool(receiver.seen))
    killed = made._nursery.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await gone(killed)
    async with asyncio.timeout(10):
        assert (await tell(made, told_by(receiver))).kind is K.DELIVERED
    waiting.cancel()
    await asyncio.wait({waiting})
    await made.aclose()


async def test_a_child_ends_with_who_waits_for_it(receiver: Vendor) -> None:
    made = make_provider()
    receiver.answer = Said(0)
    waiting = asyncio.create_task(tell(made, told_by(receiver)))
    await until(lambda: bool(receiver.seen))
    [child] = children_of(made._nursery.pid)
    waiting.cancel()
    await gone(child)
    await made.aclose()


OWNER = """
import asyncio, sys, uuid
from luota_svc.model.deliveries import DeliveryReason, Dispatch
from luota_svc.providers.apprise import AppriseProvider

async def main():
    provider = AppriseProvider(permit=lambda _: None, clean=str, allow_http=True)
    content = open(sys.argv[2], "rb").read()
    dispatch = Dispatch(uuid.UUID(int=7), 1, DeliveryReason.OPENED, content, None, None, {"url": sys.argv[1]})
    await provider.send(dispatch)

asyncio.run(main())
"""


async def test_no_process_outlives_a_luota_that_was_killed(receiver: Vendor, tmp_path: Path) -> None:
    receiver.answer = Said(0)
    (tmp_path / "alert").write_bytes(dispatch_of(opened(), {}).content)
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, told_by(receiver), tmp_path / "alert")
    await until(lambda: bool(receiver.seen))
    [nursery] = children_of(owner.pid)
    [child] = children_of(nursery)
    owner.kill()
    await owner.wait()
    await gone(child)
    await gone(nursery)


def children_of(pid: int | None) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def gone(pid: int) -> None:
    def ended() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True

    await until(ended)
