"""Taking out secrets of common shapes: a function ready to be used as `redact`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from memva.domain.secret_names import assignments, named_secret
from memva.domain.secret_shapes import Shape, shapes

_SHORT: Final = 200
"""Up to how many characters one look for all hints is quicker than one for each."""


@cache
def _all_shapes() -> Sequence[Shape]:
    return (*shapes(), *assignments())


@cache
def _hint() -> re.Pattern[str]:
    return re.compile("|".join(re.escape(hint) for shape in _all_shapes() for hint in shape.hints))


class SecretRedaction:
    """Takes out what looks like a secret, of texts and of JSON's members; it has no state."""

    def __call__(self, text: str, /) -> str:
        """Return `text` with a marker such as `[redacted: github token]` in place of each secret.

        It takes time that is linear in the text, and changes nothing when it is applied again.
        """
        # This stands on the path of every text: most are short, and hold no hint at all.
        if len(text) < _SHORT and not _hint().search(text):
            return text
        for shape in _all_shapes():
            for hint in shape.hints:
                if hint in text:
                    text = shape.pattern.sub(shape.replace, text)
                    break
        return text

    def named(self, name: str, text: str, /) -> str:
        """Return `text`, which is the member `name` of a JSON object, in the same way.

        It is a secret as a whole where its name says so.
        """
        text = self(text)
        return named_secret(name, text) or text


redact_secrets: Final = SecretRedaction()
"""Takes out keys, tokens, private keys, and passwords that stand in URLs or beside their names.

It is made for `redact=`. Whose key it is shows in its shape, such as `ghp_…`; other secrets show in
what stands before them, such as `Authorization: Bearer …`, `API_KEY=…` and `"password": "…"`. Ids,
hashes, paths and images stay. It is a net, not a wall: a secret that looks like a word, or stands
alone without a shape, is not known for one.
"""
