"""Stopping: newest first, each bounded, past failures, once, whoever asks."""

from __future__ import annotations

import asyncio
import random

import pytest

from luota_svc.app.lifecycle import CleanupTimedOut, Lifecycle


async def test_cleanups_run_newest_first_plain_and_async_alike():
    order: list[str] = []
    lifecycle = Lifecycle()

    async def close_pool() -> None:
        await asyncio.sleep(0)
        order.append("pool")

    lifecycle.on_stop("pool", close_pool, 1)
    lifecycle.on_stop("server", lambda: order.append("server"), 1)
    assert not lifecycle.stopping
    await lifecycle.stop()
    assert lifecycle.stopping
    assert order == ["server", "pool"]


async def test_a_failure_stops_nothing_and_all_are_told():
    ran: list[str] = []
    lifecycle = Lifecycle()

    def fail(what: str) -> None:
        ran.append(what)
        raise ValueError(what)

    for name in ("first", "second"):
        lifecycle.on_stop(name, lambda name=name: fail(name), 1)
    lifecycle.on_stop("third", lambda: ran.append("third"), 1)
    with pytest.raises(ExceptionGroup) as caught:
        await lifecycle.stop()
    assert ran == ["third", "second", "first"]
    assert [error.__notes__ for error in caught.value.exceptions] == [
        ["while stopping: second"],
        ["while stopping: first"],
    ]


async def test_a_cleanup_that_hangs_is_cancelled_at_its_bound_and_the_next_one_runs():
    ran: list[str] = []
    lifecycle = Lifecycle()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ran.append("cancelled")
            raise

    lifecycle.on_stop("pool", lambda: ran.append("pool"), 1)
    lifecycle.on_stop("server", hang, 0.02)
    with pytest.raises(ExceptionGroup) as caught:
        await lifecycle.stop()
    assert ran == ["cancelled", "pool"]
    assert caught.group_contains(CleanupTimedOut, match="server did not end")


async def test_a_cleanup_that_swallows_its_cancellation_cannot_hold_the_stop():
    released = asyncio.Event()
    lifecycle = Lifecycle()

    async def cling() -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    lifecycle.on_stop("clinging", cling, 0.02)
    async with asyncio.timeout(2):
        with pytest.raises(ExceptionGroup):
            await lifecycle.stop()
    released.set()
    await asyncio.sleep(0)


async def test_a_whole_stop_is_bounded_and_late_cleanups_still_get_their_moment():
    ran: list[str] = []
    lifecycle = Lifecycle(total_seconds=0.05)
    lifecycle.on_stop("socket", lambda: ran.append("socket"), 10)
    for count in range(3):
        lifecycle.on_stop(f"hanging-{count}", asyncio.Event().wait, 10)
    async with asyncio.timeout(3):
        with pytest.raises(ExceptionGroup) as caught:
            await lifecycle.stop()
    assert len(caught.value.exceptions) == 3
    assert ran == ["socket"]


async def test_a_second_stop_runs_nothing_twice_and_tells_the_same():
    ran: list[int] = []
    lifecycle = Lifecycle()
    lifecycle.on_stop("one", lambda: ran.append(1), 1)
    await lifecycle.stop()
    await lifecycle.stop()
    assert ran == [1]


async def test_a_stop_before_anything_started_is_fine():
    await Lifecycle().stop()


async def test_a_cancelled_caller_leaves_the_stop_running():
    lifecycle = Lifecycle()
    began, go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def close() -> None:
        began.set()
        await go.wait()
        ended.set()

    lifecycle.on_stop("pool", close, 5)
    caller = asyncio.create_task(lifecycle.stop())
    await began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go.set()
    await lifecycle.stop()
    assert ended.is_set()


async def test_what_starts_while_stopping_is_stopped_too_and_after_it_is_refused():
    ran: list[str] = []
    lifecycle = Lifecycle()
    lifecycle.on_stop("outer", lambda: lifecycle.on_stop("inner", lambda: ran.append("inner"), 1), 1)
    await lifecycle.stop()
    assert ran == ["inner"]
    with pytest.raises(RuntimeError, match="late was started after the stop had ended"):
        lifecycle.on_stop("late", lambda: None, 1)


async def test_a_cleanup_that_cancels_itself_is_a_failure_and_no_more():
    lifecycle = Lifecycle()

    async def cancel_itself() -> None:
        raise asyncio.CancelledError

    ran: list[str] = []
    lifecycle.on_stop("pool", lambda: ran.append("pool"), 1)
    lifecycle.on_stop("odd", cancel_itself, 1)
    with pytest.raises(ExceptionGroup):
        await lifecycle.stop()
    assert ran == ["pool"]


async def test_start_and_stop_hammered_leave_nothing_open_and_close_nothing_twice():
    dice = random.Random(11)
    for _ in range(50):
        lifecycle = Lifecycle()
        opened, closed = 0, 0

        async def close() -> None:
            nonlocal closed
            await asyncio.sleep(0)
            closed += 1

        async def start(rounds: int, lifecycle: Lifecycle = lifecycle, close=close) -> None:
            nonlocal opened
            for _ in range(rounds):
                await asyncio.sleep(0)
                try:
                    lifecycle.on_stop("thing", close, 1)
                except RuntimeError:
                    return
                opened += 1

        async def stop(yields: int, lifecycle: Lifecycle = lifecycle) -> None:
            for _ in range(yields):
                await asyncio.sleep(0)
            await lifecycle.stop()

        starters = [start(dice.randrange(30)) for _ in range(5)]
        stoppers = [stop(dice.randrange(30)) for _ in range(5)]
        await asyncio.gather(*starters, *stoppers)
        await lifecycle.stop()
        assert closed == opened
