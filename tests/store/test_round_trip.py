"""Arrays packed by hand arrive as they were sent, errors leave the session clean or closed."""

import asyncio
import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.waiting import until

from luota_svc.store.round_trip import RoundTrips, statement_of

TYPES = ("uuid", "text", "timestamptz", "bool", "smallint", "int", "bigint", "float8", "bytea")
ECHO = {f"echo_{type_}": f"SELECT v FROM unnest(%b::{type_}[]) AS v" for type_ in TYPES}
SINGLE = {f"single_{type_}": f"SELECT %b::{type_}" for type_ in TYPES}
COLUMNS = {"columns": "SELECT * FROM unnest(" + ", ".join(f"%b::{type_}[]" for type_ in TYPES) + ")"}
BROKEN = {
    "divide": "SELECT 1 / %b::int",
    "one": "SELECT 1",
    "sleep": "SELECT pg_sleep(60)",
    "die": "SELECT pg_terminate_backend(pg_backend_pid())",
}
NAMED = {"named": "SELECT %(b)s || '-' || %(a)s::text || '-' || %(b)s::text, v FROM unnest(%(c)s::int[]) AS v"}
TRIPS = RoundTrips("test", ECHO | SINGLE | COLUMNS | BROKEN | NAMED)


def ints(bits: int):
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


VALUES = {
    "uuid": st.uuids(),
    # What core lets through: anything but U+0000 and lone surrogates.
    "text": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    "timestamptz": st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2)),  # noqa: DTZ001 - a bound
    "bool": st.booleans(),
    "smallint": ints(16),
    "int": ints(32),
    "bigint": ints(64),
    "float8": st.floats(allow_nan=False),
    "bytea": st.binary(),
}


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def session(servers, runner):
    """One session in autocommit mode, as the pool lends them, on a loop of its own (hypothesis knows no fixtures)."""
    connect = psycopg.AsyncConnection.connect(servers.database_url("postgres"), autocommit=True)
    connection = runner.run(connect)
    yield connection
    runner.run(connection.close())


@pytest.fixture
async def connection(servers):
    async with await psycopg.AsyncConnection.connect(servers.database_url("postgres"), autocommit=True) as connection:
        yield connection


quick = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("type_", TYPES)
def test_an_array_of_any_type_arrives_as_it_was_sent(session, runner, type_):
    @quick
    @given(st.lists(st.one_of(st.none(), VALUES[type_]), max_size=20), VALUES[type_] | st.none())
    def check(values, value):
        echoed, single = runner.run(TRIPS.run(session, [(f"echo_{type_}", (values,)), (f"single_{type_}", (value,))]))
        # A column of nothing but NULLs travels as one NULL; alone it unnests to nothing.
        expected = values if any(one is not None for one in values) else []
        assert [row[0] for row in echoed] == expected
        assert single == [(value,)]

    check()


@quick
@given(rows=st.lists(st.tuples(*(st.none() | VALUES[type_] for type_ in TYPES[:-1]), VALUES["bytea"]), max_size=12))
def test_columns_keep_their_rows_together_even_where_a_whole_column_is_null(session, runner, rows):
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in TYPES]
    (arrived,) = runner.run(TRIPS.run(session, [("columns", columns)]))
    assert arrived == rows


EXTREMES = {
    "timestamptz": [datetime(1, 1, 2, tzinfo=UTC), datetime.max.replace(tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC)],
    "smallint": [-(2**15), 2**15 - 1],
    "int": [-(2**31), 2**31 - 1],
    "bigint": [-(2**63), 2**63 - 1],
    "text": ["", "\U0010ffff", "\ufffe", "{NULL}", "\\\"',", "é" * 40_000],
    "bytea": [b"", bytes(range(256)) * 300],
    "uuid": [UUID(int=0), UUID(int=2**128 - 1)],
}


@pytest.mark.parametrize("type_", EXTREMES)
async def test_the_ends_of_every_range_arrive(connection, type_):
    ((*rows,),) = await TRIPS.run(connection, [(f"echo_{type_}", (EXTREMES[type_],))])
    assert [row[0] for row in rows] == EXTREMES[type_]


async def test_an_instant_of_another_offset_is_the_same_instant(connection):
    from datetime import timezone

    there = datetime(2026, 5, 25, 12, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    ((row,),) = await TRIPS.run(connection, [("single_timestamptz", (there,))])
    assert row[0] == there


@pytest.mark.parametrize(("type_", "value"), [("int", 2**31), ("smallint", -(2**15) - 1), ("bigint", 2**63)])
async def test_what_no_column_holds_is_refused_before_anything_is_sent(connection, type_, value):
    with pytest.raises(struct.error):
        await TRIPS.run(connection, [(f"echo_{type_}", ([value],))])
    assert await TRIPS.run(connection, [("one", ())]) == [[(1,)]]


async def test_the_first_error_is_raised_as_psycopg_would_and_the_session_serves_on(connection):
    with pytest.raises(psycopg.errors.DivisionByZero):
        await TRIPS.run(connection, [("one", ()), ("divide", (0,)), ("one", ())])
    assert await TRIPS.run(connection, [("one", ()), ("divide", (1,))]) == [[(1,)], [(1,)]]


async def test_parameters_with_names_arrive_wherever_they_are_named(connection):
    assert await TRIPS.run(connection, [("named", {"a": "x", "b": "y", "c": [1, 2], "other": 0})]) == [
        [("y-x-y", 1), ("y-x-y", 2)]
    ]


async def test_statements_that_somebody_else_deallocated_are_prepared_anew(connection):
    await TRIPS.run(connection, [("one", ())])
    await connection.execute("DEALLOCATE ALL")
    assert await TRIPS.run(connection, [("begin", ()), ("one", ()), ("commit", ())]) == [[], [(1,)], []]


async def test_within_a_transaction_they_are_missed_and_the_next_one_has_them(connection):
    await TRIPS.run(connection, [("begin", ())])
    await connection.execute("DEALLOCATE ALL")
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        await TRIPS.run(connection, [("one", ())])
    await connection.rollback()
    assert await TRIPS.run(connection, [("one", ())]) == [[(1,)]]


async def test_an_error_skips_the_commit_of_its_round_trip(connection):
    await connection.execute("CREATE TEMP TABLE kept (it int)")
    trips = RoundTrips("kept", {"keep": "INSERT INTO kept VALUES (1)", "divide": BROKEN["divide"]})
    with pytest.raises(psycopg.errors.DivisionByZero):
        await trips.run(connection, [("begin", ()), ("keep", ()), ("divide", (0,)), ("commit", ())])
    await connection.rollback()
    cursor = await connection.execute("SELECT count(*) FROM kept")
    assert await cursor.fetchone() == (0,)


async def test_a_session_that_is_cut_in_mid_answer_is_closed_and_says_that_it_is_lost(connection):
    with pytest.raises(psycopg.OperationalError):
        await TRIPS.run(connection, [("one", ()), ("die", ()), ("one", ())])
    assert connection.closed


async def test_a_cancelled_round_trip_never_lends_its_answers_to_the_next(connection):
    await TRIPS.run(connection, [("one", ())])
    trip = asyncio.create_task(TRIPS.run(connection, [("sleep", ()), ("one", ())]))
    with psycopg.connect(connection.info.dsn, autocommit=True) as other:
        asleep = b"SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
        await until(lambda: other.execute(asleep, (connection.info.backend_pid,)).fetchone())
    trip.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(10):
            await trip
    assert connection.closed or await TRIPS.run(connection, [("divide", (1,))]) == [[(1,)]]


async def test_a_session_on_which_only_half_could_be_prepared_is_thrown_away(connection):
    trips = RoundTrips("good", {"good": "SELECT 1", "bad": "SELECT * FROM not_migrated_yet"})
    with pytest.raises(psycopg.errors.UndefinedTable):
        await trips.run(connection, [("good", ())])
    assert connection.closed


async def test_two_catalogues_share_a_session(connection):
    calls = [("begin", ()), ("same", ()), ("commit", ())]
    for catalogue, number in (("this", 1), ("that", 2)):
        trips = RoundTrips(catalogue, {"same": f"SELECT {number}"})
        assert await trips.run(connection, calls) == [[], [(number,)], []]


def test_a_parameter_without_a_cast_is_refused_when_the_catalogue_is_read():
    for sql in ("SELECT %b", "SELECT %(name)s"):
        with pytest.raises(AssertionError, match="without a cast"):
            statement_of("wrong", sql)
