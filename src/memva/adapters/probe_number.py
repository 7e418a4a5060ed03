"""Numbers to look for, which may be such as no row can hold."""

from __future__ import annotations


def probe_number(number: int) -> int:
    """Return `number` as a value to compare with: it, or the next one to it that a row can hold."""
    return max(-(2**63), min(number, 2**63 - 1))
