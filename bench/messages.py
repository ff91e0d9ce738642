"""Request bytes, built once; a run only patches ids into them."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Yields the next request and is sent the body of the answer before it.
Script = Generator[bytes, bytes, None]

_UUID_LENGTH = 36
_RUN_ID_MARK = b'"id":"'
# Where a run's number goes: ten digits, always, so that Content-Length stays true.
_NUMBER = b"##########"
_DETAILS = b'"host":"worker-7.example.net","deploySha":"8f14e45fceea167a5a36dedd4bea2543f3a4c1d0"'


class Target(msgspec.Struct, frozen=True):
    """A monitor that is reported to, and the token that may."""

    monitor_id: str
    token: str


class Share(msgspec.Struct, frozen=True):
    """What one connection works on: its own targets, and the beginning of every external run id it makes up."""

    targets: tuple[Target, ...]
    prefix: str
    host: str = "127.0.0.1"


def starts(share: Share) -> Script:
    """Start one run after the other, on one target after the other."""
    return _round_robin([_start(share, target) for target in share.targets])


def pings(share: Share) -> Script:
    """Ping one target after the other."""
    requests = [
        _request(share, target, f"/v1/monitors/{target.monitor_id}/ping", b'{"host":"worker-7.example.net"}')
        for target in share.targets
    ]
    for request in itertools.cycle(requests):  # noqa: UP028 - `yield from` would hand answers to an iterator that takes none
        yield request


def pairs(share: Share) -> Script:
    """Start a run and report its success."""
    heads = [_start(share, target) for target in share.targets]
    ends = [
        _split(_request(share, target, "/v1/runs/%ID%/success", b'{"exitCode":0}'), b"%ID%") for target in share.targets
    ]
    for number, (start, (before, after)) in enumerate(itertools.cycle(list(zip(heads, ends, strict=True)))):
        answer = yield _patched(start, number)
        at = answer.find(_RUN_ID_MARK) + len(_RUN_ID_MARK)
        yield before + answer[at : at + _UUID_LENGTH] + after


def incidents(share: Share) -> Script:
    """Fail a run, which opens an incident, and let the next one succeed, which resolves it: finish calls only."""
    fails = [_finish(share, target, 1) for target in share.targets]
    goods = [_finish(share, target, 0) for target in share.targets]
    for number, (fail, good) in enumerate(itertools.cycle(list(zip(fails, goods, strict=True)))):
        yield _patched(fail, 2 * number)
        yield _patched(good, 2 * number + 1)


SCRIPTS: dict[str, Callable[[Share], Script]] = {
    "starts": starts,
    "pings": pings,
    "pairs": pairs,
    "incidents": incidents,
}


def shares(targets: Sequence[Target], connections: int, tag: str) -> list[Share]:
    """Deal the targets out: no two connections share one while there are enough, so that a script knows its order."""
    dealt = [tuple(targets[index::connections]) or (targets[index % len(targets)],) for index in range(connections)]
    return [Share(own, f"{tag}-{index:04d}-") for index, own in enumerate(dealt)]


def _round_robin(requests: list[tuple[bytes, bytes]]) -> Script:
    for number, request in enumerate(itertools.cycle(requests)):
        yield _patched(request, number)


def _patched(request: tuple[bytes, bytes], number: int) -> bytes:
    return b"%b%010d%b" % (request[0], number, request[1])


def _start(share: Share, target: Target) -> tuple[bytes, bytes]:
    body = b'{"monitorId":"%b","externalRunId":"%b",%b}' % (*_ids(share, target), _DETAILS)
    return _split(_request(share, target, "/v1/runs/start", body), _NUMBER)


def _finish(share: Share, target: Target, exit_code: int) -> tuple[bytes, bytes]:
    body = b'{"monitorId":"%b","externalRunId":"%b","exitCode":%d,%b}' % (*_ids(share, target), exit_code, _DETAILS)
    return _split(_request(share, target, "/v1/runs/finish", body), _NUMBER)


def _ids(share: Share, target: Target) -> tuple[bytes, bytes]:
    return target.monitor_id.encode(), share.prefix.encode() + _NUMBER


def _split(request: bytes, mark: bytes) -> tuple[bytes, bytes]:
    before, _, after = request.partition(mark)
    return before, after


def _request(share: Share, target: Target, path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {share.host}\r\nX-Luota-Key: {target.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
