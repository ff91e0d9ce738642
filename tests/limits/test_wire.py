"""How Redis is reached: TLS, password, database number, a unix socket."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from contextlib import asynccontextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.waiting import until

from luota_svc.clock import RealClock
from luota_svc.limits.redis_limiter import RedisLimiter
from luota_svc.limits.wire import RedisAway, ScriptCall, Wire

ADDRESS = "203.0.113.9"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that signed itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@asynccontextmanager
async def tls_in_front_of(port, certificate):
    """End TLS and pass the bytes on, for the wheel's Valkey is built without TLS; yields the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    pairs = []

    async def pump(reader, writer):
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def serve(reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        pairs.extend([writer, inner_writer])
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for writer in pairs:
            writer.close()


async def test_tls_with_a_known_authority_counts(valkey, certificate):
    async with tls_in_front_of(valkey.port, certificate) as port:
        url = f"rediss://127.0.0.1:{port}/3?ssl_ca_certs={certificate}"
        async with RedisLimiter(url, RealClock(), probe_seconds=0.05) as limiter:
            # A handshake has 100 ms; where the machine is too busy for that, the probe gets through soon after.
            await until(lambda: not limiter.degraded)
            for _ in range(20):
                decision = await limiter.spend_address(ADDRESS, 100)
                if decision.policy is not None:
                    break
            assert 80 <= decision.remaining < 100
    assert b"db3:keys=" in valkey.command("INFO", "keyspace")


async def test_a_certificate_of_an_unknown_authority_is_redis_away_and_named(valkey, certificate):
    async with (
        tls_in_front_of(valkey.port, certificate) as port,
        RedisLimiter(f"rediss://127.0.0.1:{port}", RealClock()) as limiter,
    ):
        assert limiter.degraded
        assert "CERTIFICATE_VERIFY_FAILED" in limiter.last_trouble


async def test_a_password_and_a_database_number_are_taken_from_the_url(valkey):
    valkey.command("ACL", "SETUSER", "luota", "on", ">s3cret/", "~luota:*", "+@all")
    url = f"redis://luota:s3cret%2F@127.0.0.1:{valkey.port}/2"
    async with RedisLimiter(url, RealClock()) as limiter:
        assert (await limiter.spend_address(ADDRESS, 5)).remaining == 4
    assert b"db2:keys=" in valkey.command("INFO", "keyspace")


async def test_a_unix_socket_can_be_named(valkey):
    async with RedisLimiter(f"unix://{valkey.folder}/socket", RealClock()) as limiter:
        assert (await limiter.spend_address(ADDRESS, 5)).remaining == 4


async def test_one_calls_error_leaves_the_connection_fit_for_the_next(valkey):
    wire = Wire(valkey.url)
    good = ScriptCall(["luota:{a}:x"], [60_000], [1, 1, 1, 5])
    broken = ScriptCall(["luota:{b}:x"], [], [1, 1, 1, 5])  # no interval: the script fails
    try:
        with pytest.raises(RedisAway):
            await wire.spend([good, broken, good])
        assert await wire.spend([good]) == [[1, 1, 2, pytest.approx(60_000, abs=1_000)]]
    finally:
        await wire.drop()
