"""Ingest keys: whose they are, that a rotated one dies when it was told to, that a token is shown once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.management import Caller

from luota_svc.limits.redis_limiter import RedisLimiter
from luota_svc.model.errors import (
    InvalidIngestKey,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RateLimited,
    ResourceConflict,
    Unavailable,
)
from luota_svc.model.idempotency import Idempotency
from luota_svc.model.monitors import MonitorKind, MonitorSettings
from luota_svc.model.pages import Ask
from luota_svc.model.signals import Evidence, Report, SignalType
from luota_svc.rules.ingest_key import hash_secret, parse_token
from luota_svc.store import audit
from luota_svc.store import keys as key_rows
from luota_svc.usecases import keys
from luota_svc.usecases.keys import Scope
from luota_svc.usecases.monitors import create_monitor


@pytest.fixture
async def monitor(installation, house):
    settings = MonitorSettings("beat", "Beat", MonitorKind.HEARTBEAT, interval_seconds=60)
    return await create_monitor(installation, house.olga.call(), house.ours, settings, None)


async def make_key(house, scope, caller=None, *, name="", expires_at=None, once=None):
    call = (caller or house.alice).call()
    return await keys.create_key(house.installation, call, scope, name=name, expires_at=expires_at, once=once)


async def alive(installation, token):
    async with installation.database.unit() as unit:
        return await key_rows.alive_facts(unit, parse_token(token).key_id) is not None


def ping(monitor):
    return Report(SignalType.PING, Evidence(), monitor_id=monitor.id)


async def test_a_workspaces_key_and_a_monitors_key_say_so_in_their_prefix(installation, house, monitor):
    wide = await make_key(house, Scope(workspace_id=house.ours), name="all")
    narrow = await make_key(house, Scope(monitor_id=monitor.id), name="one")
    assert (wide.token[:6], wide.key.monitor_id) == ("wfws1.", None)
    assert (narrow.token[:6], narrow.key.monitor_id, narrow.key.workspace_id) == ("wfmn1.", monitor.id, house.ours)
    async with installation.database.unit() as unit:
        facts = await key_rows.alive_facts(unit, narrow.key.id)
    assert facts.secret_hash == hash_secret(parse_token(narrow.token).secret)


async def test_keys_are_for_admins_of_their_workspace_only(installation, house, monitor):
    key = (await make_key(house, Scope(monitor_id=monitor.id))).key
    refusals = ((house.bob, PermissionDenied), (house.olga, PermissionDenied), (house.charlie, NotFound))
    for caller, refusal in refusals:
        for scope in (Scope(workspace_id=house.ours), Scope(monitor_id=monitor.id)):
            with pytest.raises(refusal):
                await make_key(house, scope, caller)
            with pytest.raises(refusal):
                await keys.list_keys(installation, caller.call(), scope, Ask())
        with pytest.raises(refusal):
            await keys.rotate_key(installation, caller.call(), key.id, 0)
        with pytest.raises(refusal):
            await keys.revoke_key(installation, caller.call(), key.id)


async def test_lists_are_newest_first_and_page_without_gap_or_repeat(installation, house, monitor):
    made = []
    for number in range(5):
        scope = Scope(monitor_id=monitor.id) if number % 2 else Scope(workspace_id=house.ours)
        made.append((await make_key(house, scope, name=f"key {number}")).key.id)
        # Two share an instant, so that the id must break the tie.
        installation.clock.advance(number % 2)
    seen, ask = [], Ask(2)
    while True:
        page = await keys.list_keys(installation, house.alice.call(), Scope(workspace_id=house.ours), ask)
        seen += [key.id for key in page.items]
        if page.next is None:
            break
        ask = Ask(2, page.next)
    assert seen == made[::-1]
    own = await keys.list_keys(installation, house.alice.call(), Scope(monitor_id=monitor.id), Ask())
    assert [key.id for key in own.items] == [made[3], made[1]]


async def test_rotating_without_overlap_ends_the_old_token_at_once(installation, house, monitor, ingest):
    old = await make_key(house, Scope(monitor_id=monitor.id), name="cron host")
    await ingest.report(Caller(installation, old.token).call(), ping(monitor))
    new = await keys.rotate_key(installation, house.alice.call(), old.key.id, 0)
    assert (new.key.replaces_id, new.key.monitor_id, new.key.name) == (old.key.id, monitor.id, "cron host")
    with pytest.raises(InvalidIngestKey):
        await ingest.report(Caller(installation, old.token).call(), ping(monitor))
    await ingest.report(Caller(installation, new.token).call(), ping(monitor))


async def test_rotating_with_an_overlap_keeps_both_tokens_until_it_has_passed(installation, house):
    old = await make_key(house, Scope(workspace_id=house.ours))
    new = await keys.rotate_key(installation, house.alice.call(), old.key.id, 3_600)
    assert await alive(installation, old.token)
    assert await alive(installation, new.token)
    async with installation.database.unit() as unit:
        row = await unit.row(
            "SELECT expires_at - now() AS rest, revoked_at FROM ingest_keys WHERE id = %(id)s", {"id": old.key.id}
        )
        assert timedelta(seconds=3_590) < row["rest"] <= timedelta(seconds=3_600)
        assert row["revoked_at"] is None
        await unit.run("UPDATE ingest_keys SET expires_at = now() WHERE id = %(id)s", {"id": old.key.id})
    assert not await alive(installation, old.token)


async def test_an_overlap_never_lengthens_a_keys_life(installation, house):
    soon = installation.clock.now() + timedelta(days=3_650)
    old = await make_key(house, Scope(workspace_id=house.ours), expires_at=soon)
    async with installation.database.unit() as unit:
        await unit.run(
            "UPDATE ingest_keys SET expires_at = now() + interval '60 seconds' WHERE id = %(id)s", {"id": old.key.id}
        )
    await keys.rotate_key(installation, house.alice.call(), old.key.id, 259_200)
    async with installation.database.unit() as unit:
        row = await unit.row("SELECT expires_at - now() AS rest FROM ingest_keys WHERE id = %(id)s", {"id": old.key.id})
    assert row["rest"] <= timedelta(seconds=60)


async def test_a_key_is_rotated_once_and_a_dead_one_never(installation, house):
    old = await make_key(house, Scope(workspace_id=house.ours))
    results = await asyncio.gather(
        *(keys.rotate_key(installation, house.alice.call(), old.key.id, 60) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["MadeKey", "ResourceConflict"]
    dead = await make_key(house, Scope(workspace_id=house.ours))
    await keys.revoke_key(installation, house.alice.call(), dead.key.id)
    with pytest.raises(ResourceConflict, match="no longer accepted"):
        await keys.rotate_key(installation, house.alice.call(), dead.key.id, 0)


@pytest.mark.parametrize("overlap", [-1, 259_201])
async def test_an_overlap_outside_its_bounds_is_refused(installation, house, overlap):
    with pytest.raises(InvalidRequest, match="overlapSeconds: must be 0 to 259200"):
        await keys.rotate_key(installation, house.alice.call(), house.ours, overlap)


async def test_a_revoked_key_is_refused_and_revoking_again_changes_nothing(installation, house, monitor, ingest):
    made = await make_key(house, Scope(workspace_id=house.ours))
    first = await keys.revoke_key(installation, house.alice.call(), made.key.id)
    again = await keys.revoke_key(installation, house.alice.call(), made.key.id)
    assert first == again
    assert first.revoked_at is not None
    with pytest.raises(InvalidIngestKey):
        await ingest.report(Caller(installation, made.token).call(), ping(monitor))


async def test_a_repeated_create_answers_the_first_key_without_its_token(house):
    once = Idempotency("k", b"h")
    first = await make_key(house, Scope(workspace_id=house.ours), once=once)
    again = await make_key(house, Scope(workspace_id=house.ours), once=once)
    assert (again.key, again.token) == (first.key, None)


async def test_the_audit_shows_every_step_and_no_secret(installation, house):
    old = await make_key(house, Scope(workspace_id=house.ours), name="ci")
    new = await keys.rotate_key(installation, house.alice.call(), old.key.id, 0)
    await keys.revoke_key(installation, house.alice.call(), new.key.id)
    async with installation.database.unit() as unit:
        entries = (await audit.page(unit, house.ours, Ask(10))).items
    assert sorted(entry.action for entry in entries) == [
        "ingest_key.create",
        "ingest_key.create",
        "ingest_key.revoke",
        "ingest_key.rotate",
        "workspace.create",
    ]
    text = repr(entries)
    for token in (old.token, new.token):
        secret = parse_token(token).secret
        assert secret not in text
        assert hash_secret(secret).hex() not in text


async def test_what_a_key_may_not_be_is_said_in_words(installation, house):
    with pytest.raises(InvalidRequest) as refused:
        await make_key(house, Scope(workspace_id=house.ours), name="x" * 101, expires_at=installation.clock.now())
    assert [problem.field for problem in refused.value.problems] == ["name", "expiresAt"]


async def test_an_operator_who_makes_keys_in_a_loop_is_slowed(house):
    for _ in range(keys.CREATES_PER_MINUTE):
        await make_key(house, Scope(workspace_id=house.ours))
    with pytest.raises(RateLimited) as refused:
        await make_key(house, Scope(workspace_id=house.ours))
    assert (refused.value.policy, refused.value.limit) == ("keys.create.minute", 60)
    house.installation.clock.advance(1)
    await make_key(house, Scope(workspace_id=house.ours), house.root)


async def test_no_key_is_made_while_redis_is_away(installation, house):
    limiter = RedisLimiter("unix:///nowhere/valkey.sock", installation.clock)
    await limiter.open()
    without = replace(installation, limiter=limiter)
    try:
        with pytest.raises(Unavailable):
            await keys.create_key(
                without, house.alice.call(), Scope(workspace_id=house.ours), name="", expires_at=None, once=None
            )
    finally:
        await limiter.aclose()
    listed = await keys.list_keys(installation, house.alice.call(), Scope(workspace_id=house.ours), Ask())
    assert listed.items == ()


async def test_use_is_remembered_and_never_backwards(installation, house):
    made = await make_key(house, Scope(workspace_id=house.ours))
    now = installation.clock.now()
    for instant in (now, now - timedelta(minutes=5)):
        async with installation.database.unit() as unit:
            await key_rows.set_last_used(unit, {made.key.id: instant})
    listed = await keys.list_keys(installation, house.alice.call(), Scope(workspace_id=house.ours), Ask())
    assert listed.items[0].last_used_at == now
