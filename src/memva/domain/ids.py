"""New ids: UUIDs that sort by the time they were made.

An index over ids that grow with time keeps its inserts in one place, where random ones scatter
them over the whole file.
"""

import os
import time


def new_id() -> str:
    """Return a new random UUID of version 7 (RFC 9562) as text."""
    value = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return format_uuid(value)


def format_uuid(value: int) -> str:
    """Return 128 bits in the usual form, 8-4-4-4-12 hexadecimal digits."""
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
