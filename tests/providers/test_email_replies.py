"""What mail servers call a message that they took."""

from __future__ import annotations

import pytest

from luota_svc.providers.email_replies import Reply, queue_id


@pytest.mark.parametrize(
    ("said", "called"),
    [
        ("2.0.0 Ok: queued as 4WxYz1Kq2Lz9Rtc", "4WxYz1Kq2Lz9Rtc"),
        ("Ok: queued as k0Tz-9qSQ5C1", "k0Tz-9qSQ5C1"),
        ("OK id=1uJbXw-00000001abc-2kXy", "1uJbXw-00000001abc-2kXy"),
        ("2.0.0 OK  1748131661 5b1f17b1804b1-44f6b295sor.12 - gsmtp", "5b1f17b1804b1-44f6b295sor.12"),
        ("Ok 0102019704b1c2a3-7d0c1c22-0f2e-000000", "0102019704b1c2a3-7d0c1c22-0f2e-000000"),
        (
            "2.6.0 <a@b> [InternalId=1898375413761, Hostname=HE1PR.example.com] 23185 bytes Queued mail for delivery",
            "1898375413761",
        ),
        ("2.0.0 54P07fKx012345 Message accepted for delivery", "54P07fKx012345"),
        ("2.0.0 7f1a2b3c Message accepted for delivery", "7f1a2b3c"),
        ("Message Queued (0B0F7C2D-1.1)", "0B0F7C2D-1.1"),
        ("ok 1748131661 qp 12345", "1748131661 qp 12345"),
        ("2.0.0 Great success", "Great success"),
        ("Requested mail action okay, completed\nthank you", "Requested mail action okay, completed thank you"),
        ("x" * 300, "x" * 100),
        ("", None),
    ],
)
def test_a_servers_id_is_found_in_what_it_says(said, called):
    assert queue_id(said) == called


@pytest.mark.parametrize(("code", "permanent"), [(421, False), (450, False), (-1, False), (500, True), (599, True)])
def test_5yz_alone_is_for_good(code, permanent):
    assert Reply(code, "x").permanent is permanent


def test_a_refusal_is_one_short_line():
    assert Reply(550, "5.1.1 No such\nuser").words() == "550 5.1.1 No such user"
    assert len(Reply(550, "x" * 10_000).words()) < 210
