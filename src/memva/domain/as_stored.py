"""An event as a store gives it back: what JSON changes on its way there and back."""

from __future__ import annotations

from typing import cast

import attrs

from memva.domain.event import Event
from memva.domain.json import JsonObject, ParsedObject, decode_json, encode_json, is_plain


def as_stored(event: Event) -> Event:
    """Return an event that is to be stored as it will be read.

    What is worked out of it is then the same, whether it is found in the event that came or later
    in the one that is stored.
    """
    data = event.data
    if type(data) is ParsedObject or is_plain(data):
        return event
    stored = cast("JsonObject", decode_json(encode_json(data, field="data")))
    return attrs.evolve(event, data=stored)
