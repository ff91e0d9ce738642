"""Alert routes: made, changed, tested and deleted by operators; what waits for one follows it; no secret is shown."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.servers import ENCRYPTION_KEY

from luota_svc.model.errors import (
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RateLimited,
    ResourceConflict,
    Unavailable,
)
from luota_svc.model.idempotency import Idempotency
from luota_svc.model.monitors import MonitorKind, MonitorSettings, Severity
from luota_svc.model.pages import Ask
from luota_svc.model.routes import RouteKind, RouteSettings, RouteState
from luota_svc.rules.route_targets import TargetPolicy, destination_of
from luota_svc.store.vault import Vault
from luota_svc.usecases import routes
from luota_svc.usecases.monitors import create_monitor

WEBHOOK = RouteSettings("On call", RouteKind.WEBHOOK)
URL, OTHER = "https://hooks.example.com/t/0123456789abcdef", "https://hooks.example.com/t/fedcba9876543210"
SECRET = "sixteen-letters-that-sign"
GIVEN = {RouteKind.WEBHOOK: {"url": URL, "secret": SECRET}}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def create(installation, house):
    async def create(settings=WEBHOOK, given=GIVEN, caller=None, once=None):
        call = (caller or house.olga).call()
        return (await routes.create_route(installation, call, house.ours, settings, given, once)).route

    return create


@pytest.fixture
def update(installation, house):
    async def update(route, given=None, version=None, **changes):
        call = house.olga.call()
        return (await routes.update_route(installation, call, route.id, changes, given or {}, version)).route

    return update


@pytest.fixture
def rows(installation):
    async def rows(statement, **parameters):
        async with installation.database.unit() as unit:
            cursor = await unit.connection.execute(statement, parameters)
            return await cursor.fetchall() if cursor.description else []

    return rows


@pytest.fixture
def owe(installation, house, rows):
    """Write duties to a route, by state; return their ids."""

    async def owe(route, state="pending", reason="opened", due_in=timedelta(0)):
        now, delivery_id, incident_id = (
            installation.clock.now(),
            installation.clock.new_id(),
            installation.clock.new_id(),
        )
        waits = state in {"pending", "failed_retrying"}
        await rows(
            "INSERT INTO deliveries (id, workspace_id, route_id, destination, reason, state, severity_rank, created_at,"
            " expires_at, next_attempt_at, due_at, lease_until, settled_at)"
            " SELECT %(id)s, workspace_id, id, destination, %(reason)s, %(state)s, 3, %(now)s, %(now)s, %(next)s,"
            " %(due)s, %(lease)s, %(settled)s FROM alert_routes WHERE id = %(route)s",
            id=delivery_id,
            reason=reason,
            state=state,
            now=now,
            next=(now + due_in if state == "pending" else now + timedelta(hours=1)) if waits else None,
            due=now + due_in,
            lease=now + MINUTE if state == "sending" else None,
            settled=now if state == "delivered" else None,
            route=route.id,
        )
        await rows(
            "INSERT INTO delivery_incidents VALUES (%(id)s, %(incident)s, %(route)s, 1, %(live)s)",
            id=delivery_id,
            incident=incident_id,
            route=route.id,
            live=state != "delivered",
        )
        return delivery_id

    return owe


@pytest.fixture
def delivery(rows):
    async def delivery(delivery_id):
        (row,) = await rows(
            "SELECT d.*, di.live FROM deliveries d LEFT JOIN delivery_incidents di ON di.delivery_id = d.id"
            " WHERE d.id = %(id)s",
            id=delivery_id,
        )
        return row

    return delivery


async def audit(rows, route):
    found = await rows(
        "SELECT action, before, after FROM audit_entries WHERE target_id = %(id)s "
        " ORDER BY coalesce((after->>'version')::int, 99)",
        id=str(route.id),
    )
    return [(row["action"], row["before"], row["after"]) for row in found]


async def break_destination(rows, installation, route):
    await rows(
        "UPDATE destinations SET failures_in_row = 7, open_until = %(at)s, open_seconds = 60"
        " WHERE destination = (SELECT destination FROM alert_routes WHERE id = %(id)s)",
        at=installation.clock.now() + MINUTE,
        id=route.id,
    )


async def destination(rows, route):
    (row,) = await rows(
        "SELECT t.* FROM destinations t JOIN alert_routes r USING (workspace_id, destination) WHERE r.id = %(id)s",
        id=route.id,
    )
    return row


async def test_a_route_is_made_by_an_operator_and_read_by_a_viewer(installation, house, create):
    with pytest.raises(PermissionDenied):
        await create(caller=house.bob)
    with pytest.raises(NotFound):
        await create(caller=house.charlie)
    route = await create()
    assert (route.settings, route.state, route.version) == (WEBHOOK, RouteState.UNPROVEN, 1)
    assert route.shown == {"url": "https://hooks.example.com/…cdef", "secret": "***"}
    assert await routes.get_route(installation, house.bob.call(), route.id) == route
    page = await routes.list_routes(installation, house.bob.call(), house.ours, Ask())
    assert page.items == (route,)
    for refused in (
        routes.get_route(installation, house.charlie.call(), route.id),
        routes.list_routes(installation, house.charlie.call(), house.ours, Ask()),
        routes.update_route(installation, house.charlie.call(), route.id, {"name": "x"}, {}, None),
        routes.send_test_alert(installation, house.charlie.call(), route.id),
        routes.rotate_secret(installation, house.charlie.call(), route.id),
        routes.delete_route(installation, house.charlie.call(), route.id, None),
    ):
        with pytest.raises(NotFound):
            await refused
    for refused in (
        routes.update_route(installation, house.bob.call(), route.id, {"name": "x"}, {}, None),
        routes.send_test_alert(installation, house.bob.call(), route.id),
        routes.rotate_secret(installation, house.bob.call(), route.id),
        routes.delete_route(installation, house.bob.call(), route.id, None),
    ):
        with pytest.raises(PermissionDenied):
            await refused


async def test_no_row_no_audit_entry_and_no_answer_holds_a_secret_in_clear(installation, house, create, update, rows):
    route = await create()
    await update(route, {RouteKind.WEBHOOK: {"url": OTHER, "secret": "another-secret-of-16"}})
    made = await routes.rotate_secret(installation, house.olga.call(), route.id)
    everything = repr(await rows("SELECT * FROM alert_routes"))
    await routes.delete_route(installation, house.olga.call(), route.id, None)
    everything += repr(await rows("SELECT * FROM alert_routes")) + repr(await rows("SELECT * FROM audit_entries"))
    for secret in (URL, OTHER, "0123456789ab", SECRET, "another-secret-of-16", made.secret):
        assert secret is not None
        assert secret not in everything
    assert [action for action, _, _ in await audit(rows, route)] == [
        "alert_route.create",
        "alert_route.update",
        "alert_route.rotate_secret",
        "alert_route.delete",
    ]


async def test_every_problem_is_told_at_once(installation, house, create):
    foreign = await create_monitor(
        installation, house.charlie.call(), house.theirs, MonitorSettings("m", "M", MonitorKind.RUN), None
    )
    settings = replace(WEBHOOK, name="", after_seconds=-1, monitor_ids=frozenset({foreign.id}))
    with pytest.raises(InvalidRequest) as refused:
        await create(settings, {RouteKind.WEBHOOK: {"url": "http://x", "secret": "short"}, RouteKind.SLACK: {}})
    assert [problem.field for problem in refused.value.problems] == [
        "name",
        "afterSeconds",
        "monitorIds",
        "slack",
        "webhook.url",
        "webhook.secret",
    ]
    with pytest.raises(InvalidRequest, match="kind: is there in luota-svc dev alone"):
        await create(RouteSettings("Inbox", RouteKind.INBOX), {RouteKind.INBOX: {}})


async def test_dev_may_have_an_inbox_and_send_by_http(installation, house):
    dev = replace(installation, targets=TargetPolicy(allow_http=True, refused={}))
    call = house.olga.call
    inbox = RouteSettings("Inbox", RouteKind.INBOX)
    made = await routes.create_route(dev, call(), house.ours, inbox, {RouteKind.INBOX: {}}, None)
    assert made.route.shown == {}
    changed = await routes.update_route(dev, call(), made.route.id, {"name": "In"}, {RouteKind.INBOX: {}}, None)
    assert (changed.route.settings.name, changed.route.version) == ("In", 2)
    given = {RouteKind.WEBHOOK: {"url": "http://127.0.0.1:9/x"}}
    assert (await routes.create_route(dev, call(), house.ours, WEBHOOK, given, None)).secret is None


async def test_every_kind_is_kept_as_it_was_given(installation, house, create, rows):
    for kind, target in (
        (RouteKind.WEBHOOK, {"url": URL, "secret": SECRET}),
        (RouteKind.EMAIL, {"to": ["a@example.org", "ä@bücher.example"]}),
        (RouteKind.SLACK, {"url": "https://hooks.slack.com/services/T/B/x"}),
        (RouteKind.PAGERDUTY, {"routingKey": "R" * 32}),
        (RouteKind.ALERTMANAGER, {"url": "https://am.example", "bearerToken": "t"}),
        (RouteKind.APPRISE, {"url": "tgram://123456789:abcdefg_hijklmnop/12315544"}),
    ):
        settings = RouteSettings("R", kind, min_severity=Severity.ERROR, fallback=True, after_seconds=60, enabled=False)
        route = await create(settings, {kind: target})
        assert route.settings == settings
        ((stored,),) = [
            [row["target"]] for row in await rows("SELECT target FROM alert_routes WHERE id = %(id)s", id=route.id)
        ]
        assert installation.vault.open(bytes(stored)) == target
        stands = await destination(rows, route)
        assert bytes(stands["destination"]) == destination_of(kind, target)
        assert (stands["per_second"], stands["paced"]) == (
            1 if kind is RouteKind.SLACK else 10,
            kind not in {RouteKind.PAGERDUTY, RouteKind.ALERTMANAGER},
        )


async def test_one_key_makes_one_route_and_shows_its_secret_once(installation, house, rows):
    once = Idempotency("k", b"h" * 32)
    given = {RouteKind.WEBHOOK: {"url": URL, "secret": "generate"}}

    async def create():
        return await routes.create_route(installation, house.olga.call(), house.ours, WEBHOOK, given, once)

    first, second = await create(), await create()
    assert first.secret is not None
    assert first.secret.startswith("whsec_")
    assert (second.route, second.secret) == (first.route, None)
    assert len(await audit(rows, first.route)) == 1
    (row,) = await rows("SELECT target FROM alert_routes")
    assert installation.vault.open(bytes(row["target"]))["secret"] == first.secret


async def test_a_workspace_has_at_most_200_routes(installation, house, create, rows):
    await rows(
        "INSERT INTO alert_routes (id, workspace_id, name, kind, monitor_ids, min_severity, target, target_mask,"
        " destination, fallback, after_seconds, enabled, state, created_at, updated_at)"
        " SELECT gen_random_uuid(), %(ours)s, 'r', 'inbox', '{}', 'info', '', '', sha256('x'), false, 0, true,"
        " 'unproven', now(), now() FROM generate_series(1, 199)",
        ours=house.ours,
    )
    made = await asyncio.gather(create(), create(), return_exceptions=True)
    assert [type(one) for one in made if isinstance(one, Exception)] == [ResourceConflict]


async def test_a_change_is_guarded_by_version_and_kept_with_before_and_after(installation, house, create, update, rows):
    route = await create()
    changed = await update(route, version=1, name="Nights", min_severity=Severity.CRITICAL, fallback=True)
    assert (changed.settings.name, changed.settings.min_severity, changed.version) == ("Nights", Severity.CRITICAL, 2)
    with pytest.raises(ResourceConflict, match="The alert route was changed by somebody else"):
        await update(route, version=1, name="Days")
    with pytest.raises(ResourceConflict, match="The alert route was changed by somebody else"):
        await routes.delete_route(installation, house.olga.call(), route.id, 1)
    _, (action, before, after) = await audit(rows, route)
    assert (action, before["name"], after["name"]) == ("alert_route.update", "On call", "Nights")
    assert after["webhook"] == {"url": "https://hooks.example.com/…cdef", "secret": "***"}


async def test_what_was_read_can_be_sent_back_and_is_no_change(create, update, rows):
    route = await create()
    same = await update(route, {RouteKind.WEBHOOK: route.shown}, name="On call", kind=RouteKind.WEBHOOK)
    assert same == route
    assert len(await audit(rows, route)) == 1


async def test_what_is_fixed_or_foreign_is_refused(create, update):
    route = await create()
    with pytest.raises(InvalidRequest) as refused:
        await update(route, {RouteKind.SLACK: {"url": URL}}, kind=RouteKind.SLACK)
    assert [(problem.field, problem.problem) for problem in refused.value.problems] == [
        ("slack", "is no target of a route of kind webhook"),
        ("kind", "is fixed at creation"),
    ]


async def test_a_monitor_that_was_deleted_since_hinders_no_change(installation, house, create, update, rows):
    monitor = await create_monitor(
        installation, house.olga.call(), house.ours, MonitorSettings("m", "M", MonitorKind.RUN), None
    )
    route = await create(replace(WEBHOOK, monitor_ids=frozenset({monitor.id})))
    await rows("UPDATE monitors SET deleted_at = now() WHERE id = %(id)s", id=monitor.id)
    assert (await update(route, name="Nights", monitor_ids=frozenset({monitor.id}))).version == 2
    with pytest.raises(InvalidRequest, match="names no monitor of this workspace"):
        await update(route, monitor_ids=frozenset({UUID(int=1)}))


async def test_another_target_is_unproven_and_what_waits_goes_there_at_once(
    installation, house, create, update, owe, delivery, rows
):
    elsewhere = await create(replace(WEBHOOK, name="Elsewhere"), {RouteKind.WEBHOOK: {"url": OTHER}})
    route = await create(given={RouteKind.WEBHOOK: {"url": URL}})
    await rows(
        "UPDATE alert_routes SET state = 'broken', last_error = 'gone', last_failed_at = now() WHERE id = %(id)s",
        id=route.id,
    )
    waiting = [await owe(route), await owe(route, "failed_retrying"), await owe(route, "failed_retrying", "test")]
    flying, done = await owe(route, "sending"), await owe(route, "delivered")
    later = await owe(route, reason="escalation", due_in=timedelta(minutes=30))
    foreign = await owe(elsewhere, "failed_retrying")
    before = await delivery(done)
    await break_destination(rows, installation, elsewhere)
    installation.clock.advance(10)
    changed = await update(route, {RouteKind.WEBHOOK: {"url": OTHER}})
    assert (changed.state, changed.last_error, changed.last_failed_at) == (RouteState.UNPROVEN, None, None)
    now = installation.clock.now()
    stands = await destination(rows, route)
    assert (stands["failures_in_row"], stands["open_until"], stands["open_seconds"]) == (0, None, None)
    for delivery_id in waiting:
        row = await delivery(delivery_id)
        assert bytes(row["destination"]) == bytes(stands["destination"])
        assert row["next_attempt_at"] <= now
    assert (await delivery(later))["next_attempt_at"] == now - timedelta(seconds=10) + timedelta(minutes=30)
    sent = await delivery(flying)
    assert (sent["state"], sent["next_attempt_at"]) == ("sending", None)
    assert bytes(sent["destination"]) == bytes(stands["destination"])
    assert await delivery(done) == before
    assert (await delivery(foreign))["next_attempt_at"] > now


async def test_a_change_of_name_leaves_proof_and_duties_alone(installation, create, update, owe, delivery, rows):
    route = await create()
    await rows("UPDATE alert_routes SET state = 'proven' WHERE id = %(id)s", id=route.id)
    waiting = await owe(route, "failed_retrying")
    before = await delivery(waiting)
    assert (await update(route, name="Nights")).state is RouteState.PROVEN
    assert await delivery(waiting) == before


async def test_a_new_route_keeps_what_the_breaker_of_its_destination_remembers(installation, create, rows):
    route = await create()
    await break_destination(rows, installation, route)
    twin = await create(replace(WEBHOOK, name="Twin"))
    assert (await destination(rows, twin))["failures_in_row"] == 7


@pytest.mark.parametrize(("how", "error"), [("disable", "the route was disabled"), ("delete", "the route was deleted")])
async def test_what_waits_for_a_route_that_takes_nothing_any_more_ends(
    installation, house, create, update, owe, delivery, how, error
):
    route = await create()
    waiting = [await owe(route), await owe(route, "failed_retrying"), await owe(route, reason="escalation")]
    silent = [await owe(route, reason=reason) for reason in ("test", "drill", "route_failure")]
    flying = await owe(route, "sending")
    if how == "disable":
        await update(route, enabled=False)
    else:
        await routes.delete_route(installation, house.olga.call(), route.id, 1)
    now = installation.clock.now()
    for delivery_id in (*waiting, *silent):
        row = await delivery(delivery_id)
        assert (row["state"], row["last_error"], row["settled_at"]) == ("failed_terminal", error, now)
        assert (row["next_attempt_at"], row["live"], row["unnoted"]) == (None, False, True)
        assert row["fallback_due_at"] == (now if delivery_id in waiting else None)
    sent = await delivery(flying)
    assert (sent["state"], sent["live"]) == ("sending", True)


async def test_a_route_that_is_disabled_with_another_target_ends_what_waits_and_moves_nothing(
    create, update, owe, delivery
):
    route = await create()
    waiting = await owe(route)
    before = await delivery(waiting)
    await update(route, {RouteKind.WEBHOOK: {"url": OTHER}}, enabled=False)
    ended = await delivery(waiting)
    assert ended["state"] == "failed_terminal"
    assert ended["destination"] == before["destination"]
    assert (await update(route, enabled=True)).settings.enabled


async def test_a_route_that_is_enabled_forgets_what_failed_there(installation, create, update, owe, delivery, rows):
    route = await create(replace(WEBHOOK, enabled=False))
    await break_destination(rows, installation, route)
    # Written by a batch that had read the route before it was disabled.
    waiting = await owe(route, "failed_retrying")
    await update(route, enabled=True)
    assert (await destination(rows, route))["open_until"] is None
    assert (await delivery(waiting))["next_attempt_at"] <= installation.clock.now()


async def test_a_deleted_route_is_gone_and_its_secrets_with_it(installation, house, create, rows):
    route = await create()
    await routes.delete_route(installation, house.olga.call(), route.id, None)
    with pytest.raises(NotFound):
        await routes.get_route(installation, house.olga.call(), route.id)
    assert (await routes.list_routes(installation, house.olga.call(), house.ours, Ask())).items == ()
    (row,) = await rows("SELECT target FROM alert_routes")
    assert bytes(row["target"]) == b""


async def test_a_test_alert_is_a_delivery_of_no_incident_that_is_due_now(installation, house, create, delivery, rows):
    route = await create()
    await break_destination(rows, installation, route)
    call = house.olga.call()
    row = await delivery(await routes.send_test_alert(installation, call, route.id))
    now = installation.clock.now()
    assert (row["reason"], row["state"], row["severity_rank"], row["live"]) == ("test", "pending", 1, None)
    assert (row["next_attempt_at"], row["due_at"], row["expires_at"]) == (now, now, now + timedelta(hours=1))
    assert row["request_id"] == call.request_id
    stands = await destination(rows, route)
    assert bytes(row["destination"]) == bytes(stands["destination"])
    # The breaker lets a probe through, and still remembers.
    assert (stands["open_until"], stands["failures_in_row"]) == (now, 7)
    assert (await audit(rows, route))[-1] == ("alert_route.test", None, {"deliveryId": str(row["id"])})


async def test_a_disabled_route_is_not_tested(installation, house, create):
    route = await create(replace(WEBHOOK, enabled=False))
    with pytest.raises(ResourceConflict, match="The alert route is disabled; enable it first"):
        await routes.send_test_alert(installation, house.olga.call(), route.id)


async def test_ten_tests_a_minute_are_sent_and_none_while_they_cannot_be_counted(installation, house, create, rows):
    route = await create()
    for _ in range(10):
        await routes.send_test_alert(installation, house.olga.call(), route.id)
    with pytest.raises(RateLimited) as refused:
        await routes.send_test_alert(installation, house.alice.call(), route.id)
    assert (refused.value.policy, refused.value.limit) == ("manage.test_send.minute", 10)

    class Away:
        async def spend_strict(self, *_words):
            raise Unavailable("Redis is away")

    with pytest.raises(Unavailable):
        await routes.send_test_alert(replace(installation, limiter=Away()), house.olga.call(), route.id)
    assert (await rows("SELECT count(*) AS n FROM deliveries"))[0]["n"] == 10


async def test_a_rotated_secret_is_shown_once_and_the_one_before_signs_for_a_day(
    installation, house, create, owe, delivery, rows
):
    route = await create()
    waiting = await owe(route, "failed_retrying")
    made = await routes.rotate_secret(installation, house.olga.call(), route.id)
    (row,) = await rows("SELECT target, destination FROM alert_routes")
    assert installation.vault.open(bytes(row["target"])) == {
        "url": URL,
        "secret": made.secret,
        "previousSecret": SECRET,
        "previousSecretUntil": "2026-05-26T12:00:00.000Z",
    }
    assert (made.route.version, made.route.state) == (2, RouteState.UNPROVEN)
    assert made.route.shown["previousSecretUntil"] == "2026-05-26T12:00:00.000Z"
    assert (await delivery(waiting))["destination"] == row["destination"]
    slack = await create(RouteSettings("S", RouteKind.SLACK), {RouteKind.SLACK: {"url": URL}})
    with pytest.raises(ResourceConflict, match="Only a webhook"):
        await routes.rotate_secret(installation, house.olga.call(), slack.id)


async def test_a_target_that_no_key_opens_is_repaired_by_giving_it_anew(installation, house, create, update, rows):
    route = await create()
    strange = Vault([ENCRYPTION_KEY.replace("dGVz", "AAAA")]).seal({"url": URL})
    await rows("UPDATE alert_routes SET target = %(target)s", target=strange)
    assert (await update(route, name="Nights")).version == 2
    with pytest.raises(ResourceConflict, match="its secret can't be decrypted"):
        await routes.rotate_secret(installation, house.olga.call(), route.id)
    with pytest.raises(InvalidRequest, match=r"webhook\.url: is required"):
        await update(route, {RouteKind.WEBHOOK: {"secret": SECRET}})
    repaired = await update(route, {RouteKind.WEBHOOK: {"url": URL}})
    assert repaired.shown == {"url": "https://hooks.example.com/…cdef"}


async def test_of_two_changes_at_once_both_are_kept_and_neither_hangs(create, update, owe, rows):
    route = await create()
    for _ in range(5):
        await owe(route, "failed_retrying")
    await asyncio.gather(
        update(route, {RouteKind.WEBHOOK: {"url": OTHER}}),
        update(route, name="Nights"),
        update(route, enabled=False),
        update(route, fallback=True),
    )
    (row,) = await rows("SELECT version, name, enabled, fallback, target_mask FROM alert_routes")
    assert (row["version"], row["name"], row["enabled"], row["fallback"]) == (5, "Nights", False, True)
    assert json.loads(row["target_mask"])["url"] == "https://hooks.example.com/…3210"
