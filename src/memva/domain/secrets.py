"""Taking out secrets of common shapes: a function ready to be used as `redact`."""

from __future__ import annotations

from typing import Final

from memva.domain.secret_names import assignments, named_secret
from memva.domain.secret_shapes import shapes


class SecretRedaction:
    """Takes out what looks like a secret, of texts and of JSON's members; it has no state."""

    def __call__(self, text: str, /) -> str:
        """Return `text` with a marker such as `[redacted: github token]` in place of each secret.

        It takes time that is linear in the text, and changes nothing when it is applied again.
        """
        for shape in (*shapes(), *assignments()):
            if any(hint in text for hint in shape.hints):
                text = shape.pattern.sub(shape.replace, text)
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
