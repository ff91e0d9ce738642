"""What is measured of telling people is what happened: nothing counts that did not arrive, nothing is left behind."""

import psycopg
import pytest
from bench.duties import Duties
from bench.programs import Floor
from bench.telling import post_alone, settle
from cryptography.fernet import Fernet

KEY = Fernet.generate_key().decode()


def rows(database_url, table):
    with psycopg.connect(database_url) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    return count


def test_a_worker_whose_provider_does_nothing_settles_all_that_it_took_and_leaves_nothing(database_url):
    told = settle(database_url, KEY, 0.3)
    assert told.fault == ""
    assert told.per_second > 0
    assert told.cpu_us > 0
    assert {rows(database_url, table) for table in ("deliveries", "alert_routes", "destinations")} == {0}


@pytest.mark.parametrize("sent", [0, 1])
def test_what_was_sent_and_is_not_kept_is_told(database_url, sent):
    with Duties(database_url, KEY, base_url="http://127.0.0.1:9", count=10) as duties:
        assert bool(duties.fault(sent)) == bool(sent)


def test_the_receiver_counts_every_post_of_the_floor():
    with Floor("receiver") as receiver:
        told = post_alone(receiver, 0.3)
        again = post_alone(receiver, 0.2)
    assert told.fault == again.fault == ""
    assert told.per_second > 0
