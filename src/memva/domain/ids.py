"""New ids: UUIDs that sort by the time they were made.

An index over ids that grow with time keeps its inserts in one place, where random ones scatter
them over the whole file.
"""

import os
import time
from typing import Final

_VARIANTS: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""The digit that stands for a random one where a UUID says which variant it is."""


def new_id() -> str:
    """Return a new random UUID of version 7 (RFC 9562) as text."""
    digits = f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"
    variant = _VARIANTS[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def format_uuid(value: int) -> str:
    """Return 128 bits in the usual form, 8-4-4-4-12 hexadecimal digits."""
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
