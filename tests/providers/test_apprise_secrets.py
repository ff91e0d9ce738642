"""What a service repeats of the URL that it was told by shows none of the tokens in it, wherever they stand."""

from __future__ import annotations

import pytest

from luota_svc.providers.apprise_secrets import Hidden

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
BOT = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"


@pytest.mark.parametrize(
    ("url", "token"),
    [
        (f"pushplus://{JWT}", JWT),
        (f"PushPlus://{JWT}/group", JWT),
        (f"sendgrid://{JWT}:from@example.org/to@example.org", JWT),
        (f"pover://us3rkey@{JWT}", JWT),
        (f"psafers://{JWT.replace('.', '')}", JWT.replace(".", "")),
        (f"tgram://123456789:{BOT}/", BOT),
        (f"tgram://123456789:{BOT}/987654321", BOT),
        (f"nosuch://{JWT}/x", JWT),
    ],
)
def test_a_token_in_the_hosts_place_is_masked_where_a_service_repeats_it(url, token):
    said = Hidden(url).out_of(f"{token} is not known; {token.lower()} neither")
    assert said == "*** is not known; *** neither"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("jsons://hooks.example.org/t0ken", "hooks.example.org"),
        ("NTFYS://ntfy.example.org:8443/t0ken", "ntfy.example.org:8443"),
        ("gotify://localhost/t0ken", "localhost"),
        ("gotifys://[2001:db8::1]:8443/t0ken", "[2001:db8::1]:8443"),
        ("matrixs://bot:t0ken@192.0.2.7/room", "192.0.2.7"),
    ],
)
def test_a_host_of_the_operators_own_stays_readable(url, host):
    assert Hidden(url).out_of(f"no connection to {host}: t0ken") == f"no connection to {host}: ***"
