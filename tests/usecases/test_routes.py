"""Alert routes: made, read, tested, rotated and deleted by operators, and no secret is shown."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.servers import ENCRYPTION_KEY
from tests.usecases.made_routes import (
    OTHER,
    SECRET,
    URL,
    WEBHOOK,
    audit,
    break_destination,
    create,
    delivery,
    destination,
    owe,
    rows,
    update,
)

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

__all__ = ["create", "delivery", "owe", "rows", "update"]


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
