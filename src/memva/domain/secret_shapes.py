"""What secrets look like that have a shape of their own.

Every pattern takes time that is linear in the text: what repeats without a limit is possessive, or
cannot begin anew within what it went over in vain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final, NamedTuple, TypeAlias

Replace: TypeAlias = Callable[[re.Match[str]], str]
"""What stands instead of what was found."""


class Shape(NamedTuple):
    """A kind of secret.

    Attributes:
        hints: One of these stands in every text that holds such a secret.
        pattern: Finds it.
        replace: Gives what is stored instead.
    """

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    replace: Replace


_KEYS: Final = (
    ("anthropic key", ("sk-ant-",), r"sk-ant-[\w-]{16,}+"),
    # Other services give out keys of the same shapes.
    ("openai key", ("sk-",), r"sk-(?:(?:proj|svcacct|admin|or-v1)-[\w-]{20,}+|[A-Za-z0-9]{32,}+)"),
    ("aws key id", ("AKIA", "ASIA", "ABIA", "ACCA"), r"A(?:KI|SI|BI|CC)A[A-Z2-7]{16}(?![\w+-])"),
    ("google key", ("AIza",), r"AIza[\w-]{35}(?![\w-])"),
    ("google secret", ("GOCSPX-",), r"GOCSPX-[\w-]{20,}+"),
    ("google token", ("ya29.",), r"ya29\.[\w-]{20,}+"),
    ("github token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9]{36,}+"),
    ("github token", ("github_pat_",), r"github_pat_\w{22,}+"),
    ("gitlab token", ("glpat-",), r"glpat-[\w-]{20,}+(?:\.[\w-]++)*+"),
    ("gitlab token", ("gl",), r"gl(?:oas|dt|rtr?|cbt|ptt|ft|imt|agent|soat)-[\w-]{20,}+"),
    ("slack token", ("xox", "xapp-"), r"(?:xox[a-z]-\d|xoxe\.xox[bp]-\d|xapp-\d)[A-Za-z0-9-]{9,}+"),
    ("slack token", ("xoxd-",), r"xoxd-[A-Za-z0-9%+/=-]{20,}+"),
    ("stripe key", ("k_live_", "k_test_"), r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,}+"),
    ("stripe secret", ("whsec_",), r"whsec_[A-Za-z0-9+/]{24,}+=*+"),
    ("npm token", ("npm_",), r"npm_[A-Za-z0-9]{36}(?!\w)"),
    ("pypi token", ("pypi-AgE",), r"pypi-AgE[\w-]{50,}+"),
    ("hugging face token", ("hf_",), r"hf_[A-Za-z0-9]{34,}+"),
    ("sendgrid key", ("SG.",), r"SG\.[\w-]{22}\.[\w-]{43}(?![\w-])"),
    ("jwt", ("eyJ",), r"eyJ[\w-]{10,}+(?:\.eyJ[\w-]{10,}+\.[\w-]*+|(?:\.[\w-]*+){4})"),
)
"""Keys that say by their first letters whose they are."""

# Not within a word, nor within base64, which can hold any letters; but after what is no letter of
# the text's own: the end of a line that is spelt out, a terminal's colour, an escape in a URL.
_AT_BEGINNING: Final = r"(?:(?<![\w+-])|(?<=\\[nrt])|(?<=\dm)|(?<=%[0-9A-F]{2}))"

_SLACK_HOOK: Final = r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/]{16,}+"

_PRIVATE_KEY: Final = (
    r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)"
    # Up to the end where it is there, else for as long as it goes on like a key: with numbers of
    # lines before it, or with its ends of lines spelt out.
    r"(?:([^-]*+(?:-(?!----)[^-]*+)*+)-----END [A-Z0-9 ]{0,40}-----"
    r"|(?:(?:\\[nr]|\s)*+(?:\d{1,6}\s*+[→|:]\s*+)?[A-Za-z0-9+/=]{32,}+)++)"
)
_KEYS_BODY: Final = r"[A-Za-z0-9+/=]{32}"

_URL_PASSWORD: Final = r"(://[^\s/?:@\"'`<>\\()]*+:)([^\s/?\"'`<>\\()]+)@(?=[^\s/@])"

_HEADER: Final = (
    r"(?i:(\bauthorization\\{0,3}[\"']?\s{0,8}[:=]\s{0,8}\\{0,3}[\"']?"
    r"(?:bearer|basic|token)\s{1,8}|\bbearer\s{1,8}))([\w.~+/=-]{8,}+)"
)
"""What stands in a header of HTTP, or in a command's option that gives one."""

_LEAST_BEARER: Final = 16
"""How many characters a bearer's token has at least where no header says that it is one."""


@cache
def shapes() -> Sequence[Shape]:
    """Return all shapes, in the order in which they are to be looked for."""
    found = [Shape(("PRIVATE KEY",), re.compile(_PRIVATE_KEY), _private_key)]
    for kind, hints, pattern in _KEYS:
        compiled = re.compile(_AT_BEGINNING + pattern, re.ASCII)
        found.append(Shape(hints, compiled, _always(kind)))
    return [
        *found,
        Shape(("hooks.slack.com/",), re.compile(_SLACK_HOOK, re.ASCII), _always("slack webhook")),
        Shape(("://",), re.compile(_URL_PASSWORD), _url_password),
        Shape(("earer", "EARER", "uthorization", "UTHORIZATION"), re.compile(_HEADER), _header),
    ]


def marker(kind: str) -> str:
    """Return what stands where a secret of this kind stood."""
    return f"[redacted: {kind}]"


_PLACEHOLDER: Final = re.compile(r"[${<%*\[:…]|\.\.\.|#[0-9A-Fa-f]{3,8}\Z|[xX*.•]*\Z")


def is_placeholder(value: str) -> bool:
    """Tell whether a value only stands for one, as a variable, a gap to fill or a colour does."""
    return _PLACEHOLDER.match(value) is not None


def _always(kind: str) -> Replace:
    replacement = marker(kind)
    return lambda _: replacement


def _private_key(found: re.Match[str]) -> str:
    # Code that looks for the two lines has no key between them.
    body = found[2]
    if body is not None and not re.search(_KEYS_BODY, body):
        return found[0]
    return marker("private key")


def _url_password(found: re.Match[str]) -> str:
    return found[0] if is_placeholder(found[2]) else f"{found[1]}{marker('password')}@"


def _header(found: re.Match[str]) -> str:
    # Of bearers and of basic things people also speak.
    scheme, token = found[1], found[2]
    is_word = token.isalpha() and token[1:].islower()
    is_named = "authorization" in scheme.lower()
    if is_word or not (is_named or (len(token) >= _LEAST_BEARER and any(map(str.isdigit, token)))):
        return found[0]
    return f"{scheme}{marker('authorization')}"
