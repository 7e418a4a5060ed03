"""Values that are secret because their names say so: `API_KEY=…`, `"password": "…"`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from memva.domain.secret_shapes import Shape, is_placeholder, marker

_WORDS: Final = ("password", "passwd", "passphrase", "secret", "token")
"""The words that a name ends with whose value is secret."""

_KEYS: Final = (
    "api", "secret", "access", "private", "signing", "encryption", "auth", "account", "master",
)  # fmt: skip
"""What stands before `key` at the end of such a name; other keys are none."""

_LONGEST_OWNER: Final = max(map(len, _KEYS)) + 1

_PLACE: Final = re.compile(r"(?:page|next)[_-]?\Z", re.IGNORECASE)
"""What stands before a word that means no secret but a place in a list that goes on."""

_LONGEST_PLACE: Final = len("page_")

_SEPARATOR: Final = r"\d{0,3}\\{0,3}[\"'`]?[ \t]{0,8}(?::=|=>|=(?!=)|:)[ \t]{0,8}"
_OPTION_SEPARATOR: Final = r" {1,8}=? {0,8}"
_VALUE: Final = (
    r"(?:(?P<quote>\\{0,3}[\"'`])(?P<quoted>(?:(?!(?P=quote))\S)++)(?P=quote)"
    r"|(?P<bare>[^\s\"'`,;&<>(){}\[\]\\|]++)(?![(\[]))"
)

_LEAST: Final = 6
"""How many characters a secret has at least, unless a variable of the environment is given it."""

_LEAST_IN_ENVIRONMENT: Final = 4

_CODE: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)++|\d[\d_.]*", re.ASCII)
"""What stands in code where a value comes from elsewhere: `settings.token2`, or is a number."""

_PASSWORDS: Final = frozenset(("password", "passwd", "passphrase"))
_TYPES: Final = frozenset(
    ("string", "bytes", "number", "boolean", "required", "optional", "hidden")
)
_KEYWORDS: Final = frozenset(("none", "null", "nil", "true", "false", "undefined"))
_PATH: Final = re.compile(r"(?:~|\.{1,2})?/(?![A-Za-z0-9/+]{39}\Z)|[A-Za-z]:\\|\w+://")


@cache
def assignments() -> Sequence[Shape]:
    """Return the shapes of names with their values."""
    assigned = f"{_name()}(?P<between>{_SEPARATOR}){_VALUE}"
    option = f"(?<=[a-z-]-){_name()}(?P<between>{_OPTION_SEPARATOR}){_VALUE}"
    hints = tuple(
        spelt for word in ("pass", "secret", "token", "key") for spelt in _spellings(word)
    )
    return [
        Shape(hints, re.compile(assigned, re.ASCII), _replace),
        Shape(("--",), re.compile(option, re.ASCII), _replace),
    ]


@cache
def _ending() -> re.Pattern[str]:
    return re.compile(rf"{_name()}\d{{0,3}}\Z", re.ASCII)


def _name() -> str:
    """Return the pattern of the last word of a name.

    It begins with few letters, among which no frequent vowel is, so that most of a text is passed
    over quickly; whose key it is, is looked at last.
    """
    words = "|".join(spelt for word in _WORDS for spelt in _spellings(word))
    keys = "|".join(_spellings("key"))
    whose = "|".join(f"(?<={owner}key)|(?<={owner}[_-]key)" for owner in _KEYS)
    return f"(?P<name>{words}|(?:{keys})(?i:{whose}))"


def _spellings(word: str) -> tuple[str, str, str]:
    return word, word.capitalize(), word.upper()


def named_secret(name: str, value: str) -> str | None:
    """Return what stands instead of a value that `name` says is secret; None where it is none."""
    found = _ending().search(name)
    if found is None or not _is_secret(value, found):
        return None
    return marker(_kind(found))


def _replace(found: re.Match[str]) -> str:
    quoted = found["quoted"]
    value = found["bare"] if quoted is None else quoted
    between, quote = found["between"], found["quote"] or ""
    if not _is_secret(value, found, between=between, quoted=quoted is not None):
        return found[0]
    return f"{found['name']}{between}{quote}{marker(_kind(found))}{quote}"


def _is_secret(value: str, found: re.Match[str], *, between: str = "", quoted: bool = True) -> bool:
    """Tell whether a value is a secret, or only speaks of one, by it and by the name found."""
    name = found["name"]
    if _PLACE.search(found.string, max(0, found.start() - _LONGEST_PLACE), found.start()):
        return False
    if is_placeholder(value) or value.lower() in _KEYWORDS or _PATH.match(value):
        return False
    if any(map(str.isspace, value)):
        # A label, or a sentence about it.
        return False
    if between == "=" and name.isupper() and name not in value.upper():
        # In the environment any word may be one.
        return len(value) >= _LEAST_IN_ENVIRONMENT
    if len(value) < _LEAST or (not quoted and _CODE.fullmatch(value)):
        return False
    if not all(character.isalpha() or character in "._-" for character in value):
        return True
    # A word or a name alone, of which code is full, may be a password, unless it labels one.
    may_be = quoted and name.lower() in _PASSWORDS and value.isascii()
    return may_be and "pass" not in value.lower() and value.lower() not in _TYPES


def _kind(found: re.Match[str]) -> str:
    word = found["name"].lower()
    if word != "key":
        return word
    before = found.string[max(0, found.start() - _LONGEST_OWNER) : found.start()].lower()
    before = before.rstrip("_-")
    return next(f"{owner} key" for owner in _KEYS if before.endswith(owner))
