"""The shapes of secrets: one row a shape, with the literal that every match of it contains.

All patterns are linear: repetitions are possessive or bounded, and no pattern can start again inside of what it has
already looked at. The hint is tried first (in the lower-cased text); most texts contain none and no pattern runs.
Shapes and lengths are those that the vendors and the public secret scanners publish.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# A token starts where no word goes on before it; in a repr, a newline before it reads as a backslash and an n.
_TAIL: Final = r"(?![A-Za-z0-9])"


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape of secret. Group 1, where the pattern has groups, is what stays in front of the marker.

    `accepts`, where given, has the last word on a candidate's group 2.
    """

    kind: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    accepts: Callable[[str], bool] | None = None


def _prefixed(kind: str, prefix: str, rest: str, hints: str = "", before: str = "A-Za-z0-9") -> Shape:
    """Build the shape of a token with a literal prefix; without hints, the prefix itself is the hint.

    The look behind stands after the literal, so that the engine can seek the literal itself.
    """
    start = rf"{prefix}(?:(?<![{before}]{prefix})|(?<=\\[nrt]{prefix}))"
    words = (hints or prefix.replace("\\", "").lower()).split()
    return Shape(kind, tuple(words), re.compile(start + rest, re.ASCII))


def _worded(kind: str, hints: str, pattern: str, accepts: Callable[[str], bool] | None = None) -> Shape:
    """Build the shape of a value that a word in front of it gives away; `hints` are separated by blanks."""
    return Shape(kind, tuple(hints.split()), re.compile(pattern, re.ASCII | re.IGNORECASE), accepts)


def _is_basic_credential(value: str) -> bool:
    """Tell whether base64 text holds `user:password`, so that the words after "basic" in prose stay."""
    padded = value.rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    try:
        decoded = base64.b64decode(padded + "=" * (-len(padded) % 4))
    except (binascii.Error, ValueError):
        return False
    return b":" in decoded and all(byte >= 0x20 for byte in decoded)


# Unquoted values end at white space, quotes, `;`, `&`, an escaped line end, a closing tag, or the comma before the
# next pair: a password may hold any other character, and its tail must not leak.
# Atomic groups and not `(?:...)++`: up to Python 3.11.4 that keeps what a failed branch took (gh-106052).
_BARE: Final = r"(?>(?:[^\s\"'`;&,<\\]++|\\(?![nrt\"'\\])|<(?!/)|,(?!\s|[\w.\-]{1,40}[ \t]{0,2}[:=]|$))+)"
# Quoted, quoted inside of a quoted text, or bare.
_VALUE: Final = (
    r"(?:\"(?>(?:[^\"\\\r\n]++|\\.)+)\"?|'(?>(?:[^'\\\r\n]++|\\.)+)'?"
    r"|\\{1,4}\"(?>(?:[^\"\\\r\n]++|\\++(?!\"))+)(?:\\{1,4}\")?|\\{1,4}'(?>(?:[^'\\\r\n]++|\\++(?!'))+)(?:\\{1,4}')?"
    rf"|{_BARE})"
)
_END: Final = r"(?=[\s\"'`\\,;&)}\]<]|$)"
# Said of a secret, and none: a word for nothing, stars, a variable's name, the opening of a structure, our own marker.
_NO_SECRET: Final = (
    r"(?!\\{0,4}[\"'`]?(?:\[redacted:|\*{2}|\$\{[A-Z_a-z][\w.]{0,80}\}|\$\{\{|\$[A-Z_][A-Z0-9_]{0,80}" + _END + r"|\{\{"
    r"|[\[{(](?:[\s\"'{\[\\]|$)|(?:true|false|null|none|nil|undefined|\(null\)|required|missing|invalid)" + _END + r"))"
)
_SEPARATOR: Final = r"\\{0,4}[\"'`]?[ \t]{0,20}(?:=>|:=|=(?!>)|:(?!=)|(?<![ \t])>(?=[^<>\n]{1,256}</))[ \t]{0,20}"
_RANDOM: Final = r"(?=\\{0,4}[\"'`]?(?=[^\s\"'`;&,<>\\]{8})[^\s\"'`;&,<>\\]{0,64}?[0-9])"

_PASSWORDS: Final = r"passw(?:ord|d)|passphrase|(?<![A-Za-z])pwd"
_SECRETS: Final = (
    r"secret|(?:api|access|secret|private|account|signing|encryption|master|luota|watchflow)[_\-. ]?key"
    r"|(?:access|auth|refresh|session|security|api|bearer)[_\-. ]?token"
)
_SCHEME: Final = r"(?:bearer|basic|token|apikey|digest|negotiate)[ \t]{1,4}"

# Tokens that give themselves away; each is an unbroken word of at least RUN_MIN characters.
RUN_MIN: Final = 20
TOKENS: Final = (
    _prefixed("luota_token", r"wf(?:mn|ws|op)[0-9]\.", r"[\w.\-]{16,256}+", "wfmn wfws wfop"),
    # A word is scanned to its end and may then fail for want of a dot: it must not begin again at each hyphen.
    _prefixed("jwt", "eyJ", r"[\w\-]{8,}+\.[\w\-]{8,}+\.[\w\-]*+(?:\.[\w\-]*+){0,2}", before=r"\w\-"),
    Shape(
        "aws_key",
        ("akia", "asia", "abia", "acca"),
        # A secret that stands right beside its id goes with it.
        re.compile(
            r"A(?:KI|SI|BI|CC)A(?:(?<![A-Za-z0-9]A..A)|(?<=\\[nrt]A..A))[A-Z0-9]{16}(?![A-Za-z0-9])"
            r"(?:[\s,:;\"'|=]{1,8}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+]))?"
        ),
    ),
    _prefixed("gcp_api_key", "AIza", r"[\w\-]{35}(?![\w\-])"),
    _prefixed("google_oauth", r"ya29\.", r"[\w\-.]{20,}+"),
    _prefixed("google_oauth", "GOCSPX-", r"[\w\-]{20,}+"),
    _prefixed("google_oauth", "1//0", r"[\w\-]{30,}+"),
    _prefixed("github_token", "gh[pousr]_", r"[A-Za-z0-9]{36,255}+", "ghp_ gho_ ghu_ ghs_ ghr_"),
    _prefixed("github_token", "github_pat_", r"\w{22,255}+"),
    _prefixed("gitlab_token", "gl(?:pat|cbt|ptt|oas)-", r"[\w\-.]{20,}+", "glpat- glcbt- glptt- gloas-"),
    _prefixed("gitlab_token", "gl(?:rt|dt|ft)-", r"[\w\-.]{20,}+", "glrt- gldt- glft-"),
    _prefixed("slack_token", "xox[a-z]-", r"[A-Za-z0-9\-]{15,}+", "xox"),
    _prefixed("slack_token", "xapp-", r"[A-Za-z0-9\-]{20,}+"),
    _prefixed("slack_webhook", r"hooks\.slack\.com/", r"(?:services|workflows|triggers)/[A-Za-z0-9/_\-]{16,}+"),
    _prefixed("stripe_key", "[sr]k_(?:live|test)_", r"[A-Za-z0-9]{16,}+", "k_live_ k_test_"),
    _prefixed("stripe_key", "whsec_", r"[A-Za-z0-9+/=_\-]{16,}+"),
    _prefixed("npm_token", "npm_", r"[A-Za-z0-9]{36}" + _TAIL),
    _prefixed("pypi_token", "pypi-AgE", r"[\w\-]{20,}+"),
    _prefixed("sendgrid_key", r"SG\.", r"[\w\-]{16,64}+\.[\w\-]{16,64}+"),
    _prefixed("twilio_key", "SK", r"[0-9a-f]{32}" + _TAIL),
    _prefixed("ai_key", "sk-", r"(?=[\w\-]{0,48}?[0-9])(?=[\w\-]{0,48}?[A-Z])[\w\-]{32,}+"),
    _prefixed("huggingface_token", "hf_", r"[A-Za-z0-9]{30,}+"),
    _prefixed("digitalocean_token", "do[opr]_v1_", r"[0-9a-f]{64}" + _TAIL, "_v1_"),
    _prefixed("shopify_token", "shp[a-z]{2}_", r"[0-9a-fA-F]{32}" + _TAIL, "shp"),
    _prefixed("vault_token", r"hv[sb]\.", r"[\w\-]{24,}+", "hvs. hvb."),
    _prefixed("grafana_token", "glsa_", r"[\w]{32,}+"),
)

# Values that something around them gives away.
CONTEXTS: Final = (
    Shape(
        "private_key",
        ("private key",),
        # To its end, or, where the end was cut off, as far as base64 and headers go; never past the next beginning.
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:(?>(?:[^-]++|-(?!----(?:END|BEGIN)))*)-----END [^-\n]{0,60}-----|[A-Za-z0-9+/=\s\\:,]*+)"
        ),
    ),
    _worded("url_password", "://", r"(://[^\s/:@?#'\"\\]{0,128}:)(?!\[redacted:|\*{2})[^\s/?#'\"\\]{1,512}(?=@)"),
    _worded(
        "signed_url",
        "sig= signature= security-token=",
        r"([?&](?:sig|x-(?:amz|goog)-(?:signature|security-token)|signature)=)(?!\[redacted:)[^&\s\"'\\]{16,}+",
    ),
    _worded(
        "authorization",
        "authorization",
        rf"(authorization{_SEPARATOR}\\{{0,4}}[\"'`]?(?:{_SCHEME}|{_RANDOM}))(?!\[redacted:|{_SCHEME})"
        r"[^\s\"'`,;\\]{4,}+",
    ),
    _worded("bearer", "bearer", r"(bearer[ \t]{1,4})(?=[^\s\"'\\]{0,200}?[0-9])[\w.~+/=\-]{12,}+"),
    _worded("basic", "basic", r"(basic[ \t]{1,4})([A-Za-z0-9+/_\-]{4,}+={0,2})", _is_basic_credential),
    # The working directory is called PWD, too.
    _worded(
        "password", "passw passphrase pwd", rf"((?:{_PASSWORDS}){_SEPARATOR})(?<!pwd=(?=[/~])){_NO_SECRET}{_VALUE}"
    ),
    _worded("secret", "secret key token", rf"((?:{_SECRETS}){_SEPARATOR}){_NO_SECRET}{_VALUE}"),
    # "Unexpected token: foo" is prose: here, and after a flag, a value must look random.
    _worded("secret", "token credential", rf"((?:token|credentials?){_SEPARATOR}){_RANDOM}{_NO_SECRET}{_VALUE}"),
    _worded(
        "secret",
        "--",
        rf"(--(?:[a-z0-9]{{1,20}}-){{0,3}}(?:{_PASSWORDS}|{_SECRETS}|token)[ \t]{{1,4}})"
        rf"(?=[^\s\"']{{0,64}}?[0-9]){_NO_SECRET}{_VALUE}",
    ),
)
