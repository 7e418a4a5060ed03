"""What a word is, for searching: the same for every store, and for what a person types.

A word is a run of letters and digits, without case and without accents. Everything else parts
words: `login.py` is two, as are `user_name` and `user-name`, and whoever searches for the whole
finds its parts next to each other. `userName` is one word: if case parted words, `github` would
not find `GitHub`.

Where a script puts no spaces between words, and in Korean, where endings are written on to them,
each character is a word with its marks, so that any part of a text is found as a phrase.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

LONGEST_WORD: Final = 64
"""How many characters a word has at most; a longer run is several words, one after the other."""

# Chinese, Japanese, Bopomofo, Yi, Thai, Lao, Burmese, Khmer and Tai.
_ALONE: Final = (
    "\u0e00-\u0e30\u0e32\u0e33\u0e3f-\u0e46\u0e50-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0ed0-\u0eff"
    "\u1000-\u102a\u103f-\u1055\u105a-\u105d\u1061\u1065\u1066\u106e-\u1070\u1075-\u1081\u108e"
    "\u1090-\u1099\u1780-\u17b3\u17d7-\u17dc\u17e0-\u17ff\u1950-\u19df"
    "\u2e80-\u2fdf\u3005-\u3029\u3031-\u3098\u309d-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\ua4cf"
    "\ua9e0-\ua9ff\uaa60-\uaa7a\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
# Their vowels and tones, and the marks that tell GA from KA in Japanese.
_ITS_MARKS: Final = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecf\u102b-\u103e\u1056-\u1059"
    "\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u108f\u109a-\u109f"
    "\u17b4-\u17d3\u17dd\uaa7b-\uaa7d\u3099\u309a"
)
# A Korean syllable comes apart into its first sound, its vowel and its last sound.
_FIRST: Final = "\u1100-\u115f\ua960-\ua97f"
_VOWEL: Final = "\u1160-\u11a7\ud7b0-\ud7c6"
_LAST: Final = "\u11a8-\u11ff\ud7cb-\ud7ff"

_ASCII_WORD: Final = re.compile(rf"[a-z0-9]{{1,{LONGEST_WORD}}}")
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")

# Accents, and the points of Hebrew and Arabic, by their combining class. Marks of the other classes
# are vowels, or make another letter of the one they stand on.
_ACCENTS: Final = frozenset({1, *range(10, 36), *range(200, 255)})
_VARIANTS: Final = re.compile("[\u034f\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_ZERO_WIDTH_SPACE: Final = "\u200b"


class PlacedWord(NamedTuple):
    """A word, and where it stands in its text.

    Attributes:
        word: The word, as `words` gives it.
        start: The place of its first character.
        end: The place after its last character, accents included.
    """

    word: str
    start: int
    end: int


class _Folds(dict[int, str]):
    """What each character becomes, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        fold = "".join(_kept(part) for part in _decomposed(character)).lower()
        if " " in fold.strip():
            # Of two and a half, neither the one nor the two of its half is written on to the two.
            fold = f" {fold} "
        # What has no meaning could be any of a million characters, which are not all kept.
        if unicodedata.category(character) not in ("Cn", "Co", "Cs"):
            self[code] = fold
        return fold


_FOLDS: Final = _Folds()


# Compiled when first used, which takes longer than to import all else of this module.
@cache
def _word() -> re.Pattern[str]:
    return re.compile(
        rf"[^\x00-/:-`{{-\x7f{_ALONE}{_FIRST}{_VOWEL}{_LAST}]{{1,{LONGEST_WORD}}}"
        rf"|[{_ALONE}][{_ITS_MARKS}]{{0,{LONGEST_WORD - 1}}}"
        rf"|[{_FIRST}][{_VOWEL}]?[{_LAST}]?|[{_VOWEL}][{_LAST}]?|[{_LAST}]"
    )


def words(text: str) -> list[str]:
    """Return the words of `text` in their order; no text is refused."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    folded = _NOT_ASCII.sub(lambda run: run[0].translate(_FOLDS), text).lower()
    return (_ASCII_WORD if folded.isascii() else _word()).findall(folded)


def placed_words(text: str) -> Iterator[PlacedWord]:
    """Yield the words of `text` with their places in it.

    Two words share a character that holds a part of both, as that of one half does.
    """
    if text.isascii():
        for found in _ASCII_WORD.finditer(text.lower()):
            yield PlacedWord(found[0], found.start(), found.end())
        return
    folds = [_FOLDS[ord(character)] for character in text]
    places = [place for place, fold in enumerate(folds) for _ in fold]
    for found in _word().finditer("".join(folds)):
        end = places[found.end() - 1] + 1
        while end < len(folds) and not folds[end]:
            end += 1
        yield PlacedWord(found[0], places[found.start()], end)


def _decomposed(character: str) -> str:
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())


def _kept(part: str) -> str:
    """Return what stays of a part of a character: itself, nothing, or a space that parts words."""
    category = unicodedata.category(part)
    if part.isalnum():
        return part
    if category in ("Mn", "Mc") and not _VARIANTS.match(part):
        return "" if unicodedata.combining(part) in _ACCENTS else part
    # What is not seen, such as a soft hyphen, does not part a word.
    invisible = category in ("Cf", "Me", "Mn") and part != _ZERO_WIDTH_SPACE
    return "" if invisible else " "
