"""What a fenced process can't do, tried in one."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# Each is tried in a fork of its own: a fence is never taken down.
FENCED = """
import json, os, socket, subprocess, sys, tempfile, time, warnings
warnings.simplefilter("ignore")
import certifi, requests
from luota_svc.providers.apprise_fence import Fence, Forbidden

def attempt(tried):
    fence = Fence(
        ask_address=lambda address: None if address in {"127.0.0.1", "::1"} else f"not {address}",
        ask_host=lambda host: None,
        deadline=time.monotonic() + 10,
    )
    fence.put_up()
    try:
        exec(tried, globals())
    except Forbidden as refusal:
        return f"forbidden: {refusal}"
    except BaseException as error:
        return f"{type(error).__name__} {fence.refusals}"
    return f"done {fence.refusals}"

for tried in json.load(sys.stdin):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, attempt(tried).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        print(json.dumps(said.read()))
"""
REFUSED = [
    ("open('/etc/passwd')", "a file"),
    ("open('/proc/self/environ')", "a file"),
    ("open(os.path.dirname(os.__file__) + '/../../../../etc/passwd')", "a file"),
    ("open(os.devnull, 'w')", "a file"),
    ("os.open('/tmp/luota-fence', os.O_CREAT | os.O_WRONLY)", "a file"),
    ("tempfile.TemporaryFile()", "not done from here"),
    ("os.remove('/tmp/luota-fence')", "os.remove"),
    ("os.rename('/tmp/a', '/tmp/b')", "os.rename"),
    ("subprocess.run(['true'])", "subprocess.Popen"),
    ("os.system('true')", "os.system"),
    ("os.execv('/bin/true', ['true'])", "os.exec"),
    ("os.posix_spawn('/bin/true', ['true'], {})", "os.posix_spawn"),
    ("os.fork()", "os.fork"),
    ("os.kill(os.getppid(), 15)", "os.kill"),
    ("import ctypes; ctypes.CDLL(None)", "ctypes.dlopen"),
    ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "another kind than TCP"),
    ("socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)", "another kind than TCP"),
    ("socket.socket(socket.AF_INET, socket.SOCK_RAW)", "another kind than TCP"),
    ("socket.socket().bind(('127.0.0.1', 0))", "socket.bind"),
    ("socket.socket().connect(('192.0.2.1', 9))", "not 192.0.2.1"),
    ("socket.socket().connect_ex(('192.0.2.1', 9))", "not 192.0.2.1"),
    ("socket.create_connection(('192.0.2.1', 9))", "not 192.0.2.1"),
    ("socket.socket().connect(('localhost', 9))", "a name unresolved"),
    ("import smtplib; smtplib.SMTP('127.0.0.1', 9)", "smtplib.connect"),
    ("requests.get('http://127.0.0.1:9/')", "LUOTA_DELIVERY_ALLOW_HTTP"),
    ("requests.get('https://127.0.0.1:9/', verify=False)", "verify=no"),
    ("requests.Session().get('https://192.0.2.1/')", "not 192.0.2.1"),
]
LEFT = [
    "import xmlrpc.client, colorsys",
    "from zoneinfo import ZoneInfo; ZoneInfo('Europe/Helsinki')",
    "open(os.devnull, 'rb').read()",
    "import certifi; open(certifi.where()).read(10)",
]
DIALLED = "socket.create_connection(('127.0.0.1', 9))"


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """Return what became of each piece of Python in a fenced process."""
    tried = [*(tried for tried, _ in REFUSED), *LEFT, DIALLED]
    done = subprocess.run(
        [sys.executable, "-I", "-c", FENCED],
        input=json.dumps(tried),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return dict(zip(tried, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize(("tried", "reason"), REFUSED)
def test_it_is_refused(said: dict[str, str], tried: str, reason: str) -> None:
    assert not said[tried].startswith("done"), said[tried]
    assert reason in said[tried]


@pytest.mark.parametrize("tried", LEFT)
def test_what_python_needs_is_left_to_it(said: dict[str, str], tried: str) -> None:
    assert said[tried] == "done []"


def test_permitted_addresses_are_dialled(said: dict[str, str]) -> None:
    assert said[DIALLED] == "ConnectionRefusedError []"
