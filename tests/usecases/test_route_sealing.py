"""Every sealed target moves to the first key, once, in batches; what no key opens says so and hinders nobody."""

from luota_svc.model.routes import RouteKind, RouteSettings, RouteState
from luota_svc.store.vault import Vault
from luota_svc.usecases import routes
from luota_svc.usecases.route_sealing import Resealed, reseal_routes

OLD, NEW, LOST = (letter * 43 + "=" for letter in "AEI")


async def fill(installation, house, key, count):
    """Insert routes that are sealed with a key; return the first's id."""
    vault = Vault([key])
    ids = [installation.clock.new_id() for _ in range(count)]
    async with installation.database.unit() as unit:
        for number, route_id in enumerate(ids):
            await unit.run(
                "INSERT INTO alert_routes (id, workspace_id, name, kind, monitor_ids, min_severity, target,"
                " target_mask, destination, fallback, after_seconds, enabled, state, created_at, updated_at)"
                " VALUES (%(id)s, %(ours)s, 'r', 'webhook', '{}', 'info', %(target)s, '{}', sha256('x'), false, 0,"
                " true, 'proven', now(), now())",
                {"id": route_id, "ours": house.ours, "target": vault.seal({"url": f"https://a.example/{number}"})},
            )
    return ids


async def targets(installation):
    async with installation.database.unit() as unit:
        rows = await unit.rows("SELECT id, target, version FROM alert_routes WHERE deleted_at IS NULL")
    return {row["id"]: (bytes(row["target"]), row["version"]) for row in rows}


async def test_all_move_to_the_first_key_and_a_repeat_moves_none(installation, house):
    moved = await fill(installation, house, OLD, 230)
    stood = await fill(installation, house, NEW, 20)
    both = Vault([NEW, OLD])
    assert await reseal_routes(installation.database, both, installation.clock) == Resealed(230, 20, 0)
    stands = await targets(installation)
    alone = Vault([NEW])
    assert [alone.open(stands[route_id][0])["url"] for route_id in moved] == [
        f"https://a.example/{number}" for number in range(230)
    ]
    assert {version for _, version in stands.values()} == {1}
    assert await reseal_routes(installation.database, both, installation.clock) == Resealed(0, 250, 0)
    assert await targets(installation) == stands
    assert len(stood) == 20


async def test_what_no_key_opens_is_broken_and_the_others_move(installation, house):
    (lost,) = await fill(installation, house, LOST, 1)
    (moved,) = await fill(installation, house, OLD, 1)
    done = await reseal_routes(installation.database, Vault([NEW, OLD]), installation.clock)
    assert done == Resealed(1, 0, 1)
    broken = await routes.get_route(installation, house.bob.call(), lost)
    assert (broken.state, broken.last_failed_at) == (RouteState.BROKEN, installation.clock.now())
    assert broken.last_error is not None
    assert broken.last_error.startswith("its secret can't be decrypted: ")
    assert (await routes.get_route(installation, house.bob.call(), moved)).state is RouteState.PROVEN


async def test_a_route_that_was_made_before_the_keys_changed_still_tells(installation, house):
    settings = RouteSettings("R", RouteKind.WEBHOOK)
    given = {RouteKind.WEBHOOK: {"url": "https://a.example/x"}}
    await routes.create_route(installation, house.olga.call(), house.ours, settings, given, None)
    assert await reseal_routes(installation.database, installation.vault, installation.clock) == Resealed(0, 1, 0)


async def test_deleted_routes_are_left_alone(installation, house):
    settings = RouteSettings("R", RouteKind.WEBHOOK)
    given = {RouteKind.WEBHOOK: {"url": "https://a.example/x"}}
    made = await routes.create_route(installation, house.olga.call(), house.ours, settings, given, None)
    await routes.delete_route(installation, house.olga.call(), made.route.id, None)
    assert await reseal_routes(installation.database, Vault([NEW]), installation.clock) == Resealed(0, 0, 0)
