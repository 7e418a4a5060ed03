"""Rows of cells as aligned lines of text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from rich.cells import cell_len, set_cell_size

from memva.cli.output import Output

_GAP = "  "


def write_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    narrowest: Mapping[int, int],
    numbers: Collection[int] = (),
    output: Output,
) -> None:
    """Write rows below their headings, as wide as the output is; for the rest see `aligned`."""
    lines = aligned([headings, *rows], width=output.width, narrowest=narrowest, numbers=numbers)
    output.line(next(lines), style="bold")
    for line in lines:
        output.line(line)


def aligned(
    rows: Sequence[Sequence[str]],
    *,
    width: int | None,
    narrowest: Mapping[int, int],
    numbers: Collection[int] = (),
) -> Iterator[str]:
    """Yield each row as a line whose cells stand below each other.

    Args:
        rows: The cells, each a single line of clean text; as many in every row.
        width: How long a line may be; None for any length.
        narrowest: The columns whose cells may be cut to keep `width`, in this order, and how
            narrow each may become.
        numbers: The columns whose cells end, instead of beginning, below each other.
    """
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        for column, least in narrowest.items():
            excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width
            widths[column] = max(min(least, widths[column]), widths[column] - max(excess, 0))
    for row in rows:
        yield _GAP.join(
            _fitted(cell, widths[column], right=column in numbers)
            for column, cell in enumerate(row)
        ).rstrip()


def _fitted(cell: str, width: int, *, right: bool) -> str:
    excess = cell_len(cell) - width
    if excess > 0:
        return set_cell_size(cell, width - 1) + "…"
    return " " * -excess + cell if right else set_cell_size(cell, width)
