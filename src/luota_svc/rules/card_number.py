"""Payment card numbers in text: issuer prefix, length and check digit must all agree, or an order number would do."""

from __future__ import annotations

import re
from typing import Final

KIND: Final = "card_number"

_NINES: Final = bytes.maketrans(b"012345678", b"999999999")
_SHORTEST: Final = b"9" * 13

# Plain, or grouped as printed on the card with one kind of separator: 4-4-4-4(-3), 4-6-5, 4-6-4. Not inside a decimal
# number, nor in a longer chain of groups such as a UUID; an expiry date after a blank may follow.
_CANDIDATE: Final = re.compile(
    r"(?<![0-9])(?<![0-9]\.)(?<![0-9A-Fa-f]-)"
    r"(?:[2-6][0-9]{12,18}"
    r"|[2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{3})?"
    r"|3[0-9]{3}([ -])[0-9]{6}\2[0-9]{4,5})"
    r"(?![0-9]|[.\-][0-9A-Fa-f])"
)
_ISSUERS: Final = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"  # Visa
    r"|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"  # Mastercard
    r"|3[47][0-9]{13}"  # American Express
    r"|(?:6011|65[0-9]{2}|64[4-9][0-9])[0-9]{12,15}"  # Discover
    r"|62[0-9]{14,17}"  # UnionPay
    r"|3(?:0[0-5]|[689][0-9])[0-9]{11}"  # Diners Club
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12,15}"  # JCB
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])[0-9]{8,15}"  # Maestro
)
# What a digit counts for in every second place from the right.
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def may_hold(text: bytes) -> bool:
    """Tell, cheaply, whether enough digits stand in a row, blanks and hyphens not counted."""
    return text.translate(_NINES, b" -").find(_SHORTEST) >= 0


def is_card_number(digits: str) -> bool:
    """Tell whether bare digits have an issuer's prefix and length and a right check digit (Luhn, ISO/IEC 7812-1)."""
    if _ISSUERS.fullmatch(digits) is None:
        return False
    numbers = [int(digit) for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(_DOUBLED[number] for number in numbers[1::2])) % 10 == 0


def redact(text: str) -> tuple[str, int]:
    """Return text without card numbers, and how many there were."""
    found = 0

    def replacement(match: re.Match[str]) -> str:
        nonlocal found
        if not is_card_number(match[0].replace(" ", "").replace("-", "")):
            return match[0]
        found += 1
        return f"[redacted:{KIND}]"

    return _CANDIDATE.sub(replacement, text), found
