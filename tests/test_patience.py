"""What takes too long is ended; what is cancelled from outside, or ends in time, is left as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from luota_svc.patience import Patience


@asynccontextmanager
async def patience(seconds: float) -> AsyncIterator[Patience]:
    one = Patience(seconds, look_seconds=0.01)
    one.start()
    try:
        yield one
    finally:
        await one.stop()
        await one.stop()


async def answer() -> int:
    await asyncio.sleep(0)
    return 7


async def test_what_ends_in_time_is_returned_as_often_as_one_likes():
    async with patience(60) as one:
        assert [await one.within(answer()), await one.within(answer())] == [7, 7]


async def test_what_takes_too_long_is_ended_and_its_task_goes_on():
    async with patience(0.05) as one, asyncio.timeout(10):
        with pytest.raises(TimeoutError):
            await one.within(asyncio.Event().wait())
        assert await one.within(answer()) == 7
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_each_of_many_is_ended_and_none_that_is_in_time():
    async with patience(0.05) as one, asyncio.timeout(10):
        late = [one.within(asyncio.Event().wait()) for _ in range(50)]
        early = [one.within(answer()) for _ in range(50)]
        ended = await asyncio.gather(*late, *early, return_exceptions=True)
    assert [type(end) for end in ended[:50]] == [TimeoutError] * 50
    assert ended[50:] == [7] * 50


async def test_who_cancels_from_outside_is_heard_also_where_it_is_overdue():
    async with patience(0.05) as one, asyncio.timeout(10):
        began = asyncio.Event()

        async def work() -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                # It was overdue, and is cancelled once more while it tidies up.
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                raise

        task = asyncio.create_task(one.within(work()))
        await began.wait()
        with pytest.raises(asyncio.CancelledError):
            await task
        task = asyncio.create_task(one.within(asyncio.Event().wait()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_shorter_bound_within_a_longer_one_ends_first():
    async with patience(60) as outer, patience(0.05) as inner, asyncio.timeout(10):

        async def work() -> str:
            try:
                await inner.within(asyncio.Event().wait())
            except TimeoutError:
                return "the inner one"
            return "neither"

        assert await outer.within(work()) == "the inner one"


async def test_errors_of_the_work_are_its_own():
    async def fail() -> None:
        raise KeyError("its own")

    async with patience(60) as one:
        with pytest.raises(KeyError, match="its own"):
            await one.within(fail())
