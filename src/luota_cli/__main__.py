"""The command `luota`. One file of the standard library only: it may be copied anywhere and run by `python3`.

`luota packets verify FILE` says whether an evidence packet is what Luota wrote. The canonical form and the digests are
described in docs/packet.md. Exit codes: 0 as it was written, 1 not so, 2 wrong usage or no packet.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

VALID, NOT_VALID, NO_PACKET = 0, 1, 2

FORMAT = "luota.packet/1"
FROZEN = ("badDaySignal", "healthySignal", "identity", "promise")
EVIDENCE, EXPORT = "evidenceDigest", "exportDigest"
INTEGER_MAX = 2**53 - 1


class NoPacket(Exception):
    """What was read is not an evidence packet; the text says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        packet = read_packet(_read(parsed.file))
        return verify(packet, parsed.evidence_digest)
    except NoPacket as problem:
        print(f"luota: {parsed.file}: {problem}", file=sys.stderr)
        return NO_PACKET


def verify(packet: dict[str, Any], expected: str | None = None) -> int:
    """Say on standard output whether each digest is that of what stands in the packet; return the exit code.

    `expected` is an evidence digest from elsewhere, such as an alert: a digest that travels in the same file guards
    against damage and careless edits, one from elsewhere against a forger too.
    """
    problems = []
    frozen = {name: packet[name] for name in FROZEN}
    evidence = digest_of(frozen)
    if packet[EVIDENCE] is None:
        problems.append("nothing was frozen: this incident opened before Luota kept packets")
    elif evidence != packet[EVIDENCE]:
        problems.append(
            "the frozen evidence (identity, promise, healthySignal, badDaySignal) is not what Luota froze\n"
            f"  {EVIDENCE} says {packet[EVIDENCE]}\n  what stands here {evidence}"
        )
    if expected is not None and expected.lower() != evidence:
        problems.append(f"the frozen evidence is not that of the digest you gave\n  you gave         {expected}")
    export = digest_of({name: value for name, value in packet.items() if name != EXPORT})
    if export != packet[EXPORT]:
        problems.append(
            "something in the file was changed after it was exported\n"
            f"  {EXPORT} says   {packet[EXPORT]}\n  what stands here {export}"
        )
    if problems:
        print("\n".join(f"NOT VALID: {problem}" for problem in problems))
        return NOT_VALID
    identity = packet["identity"]
    print(f"valid: incident {identity['incidentId']} ({identity['kind']}), opened {identity['openedAt']}")
    print(f"  {EVIDENCE} {evidence}\n  {EXPORT}   {export}")
    return VALID


def read_packet(data: bytes) -> dict[str, Any]:
    """Return the packet that JSON text holds; NoPacket where it holds something else."""
    try:
        packet = json.loads(
            data,
            object_pairs_hook=_object,
            parse_float=_whole,
            parse_int=_whole,
            parse_constant=_refuse_constant,
        )
        canonical(packet)
    except RecursionError as error:
        raise NoPacket("is nested too deeply for a packet") from error
    except ValueError as error:  # no JSON, no UTF-8, a lone surrogate
        raise NoPacket(f"cannot be read as JSON: {error}") from error
    if not isinstance(packet, dict) or not {*FROZEN, EVIDENCE, EXPORT} <= packet.keys():
        raise NoPacket("is no evidence packet; one is the answer to GET /v1/incidents/{incidentId}/packet")
    identity = packet["identity"]
    if identity is None and packet[EVIDENCE] is not None:
        raise NoPacket("is no evidence packet: it has a digest and no identity")
    if identity is not None and not _is_identity(identity):
        raise NoPacket("is no evidence packet: its identity is incomplete")
    if identity is not None and identity["format"] != FORMAT:
        raise NoPacket(f"is of the format {identity['format']}, which this luota does not know ({FORMAT} it does)")
    return packet


def _is_identity(value: Any) -> bool:
    return isinstance(value, dict) and {"format", "incidentId", "kind", "openedAt"} <= value.keys()


def canonical(value: Any) -> str:
    """Return the RFC 8785 text of a packet's values: texts, whole numbers, booleans, null, arrays, objects."""
    text = json.dumps(_ordered(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text.encode()
    return text


def digest_of(value: Any) -> str:
    """Return the SHA-256 of a value's canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value, key=lambda name: name.encode("utf-16-be"))}
    if isinstance(value, list):
        return [_ordered(member) for member in value]
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice: readers differ on which of the two counts."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NoPacket("is no evidence packet: a name stands twice in one object")
    return members


def _whole(text: str) -> int:
    """Read a number; some tools write 5 as 5.0, which is the same."""
    try:
        number = int(text)
    except ValueError:
        fraction = float(text)
        number = int(fraction) if fraction.is_integer() else INTEGER_MAX + 1
    if abs(number) > INTEGER_MAX:
        raise NoPacket(f"holds the number {text[:40]}, which no packet does")
    return number


def _refuse_constant(word: str) -> int:
    raise NoPacket(f"holds {word}, which no packet does")


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise NoPacket(f"cannot be read: {error.strerror}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="luota", description="Luota beside a job and after an incident.")
    nouns = parser.add_subparsers(dest="noun", required=True, metavar="command")
    packets = nouns.add_parser("packets", help="evidence packets").add_subparsers(
        dest="verb", required=True, metavar="verb"
    )
    check = packets.add_parser(
        "verify",
        help="say whether an evidence packet is what Luota wrote",
        description="Says whether an evidence packet is what Luota wrote. Exit code 0: it is; 1: not; 2: no packet.",
    )
    check.add_argument("file", help="the packet as JSON; - reads standard input")
    check.add_argument("--evidence-digest", metavar="HEX", help="the digest that an alert told, to be compared too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
