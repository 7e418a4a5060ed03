"""What text may contain, and how text from outside is made to fit.

Databases refuse NUL and lone surrogates in text, and Claude Code's tool output holds both. Ids and
types must be free of them; other plain text is cleaned before it reaches an entity. The JSON of an
event keeps the original.
"""

import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Tell whether `text` has neither a NUL nor a lone surrogate."""
    if "\x00" in text:
        return False
    if not text.isascii():
        try:
            # A lone surrogate has no form in UTF-8; this is many times quicker than the pattern.
            text.encode()
        except UnicodeEncodeError:
            return False
    return True


def clean_text(text: str) -> str:
    """Return `text` with each NUL and each lone surrogate replaced by U+FFFD."""
    return text if is_storable(text) else _UNSTORABLE.sub(REPLACEMENT, text)


def folded(text: str) -> str:
    """Return `text` in the form in which texts are compared whatever their case.

    How an accent is encoded, in its letter or after it, makes no difference either.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())
