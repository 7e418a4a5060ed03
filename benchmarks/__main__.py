"""Run the benchmarks, print their table and keep the figures."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks import events, importing, jobs, postgres, scale
from benchmarks.measure import TARGETS, Figure
from benchmarks.place import Place, open_place
from benchmarks.sizes import QUICK, STATED, Sizes

_Part: TypeAlias = Callable[[Sizes, Place], Iterator[Figure]]

_PARTS: Final[dict[str, _Part]] = {
    "events": events.measures,
    "import": importing.measures,
    "jobs": jobs.measures,
    "postgres": postgres.measures,
    "scale": scale.measures,
}
_LATEST: Final = Path(__file__).with_name("latest.json")
_ROW: Final = "{:<32} {:>8} {:>8}  {:<6}  {}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=["", *_PARTS], default="", help="one part (default: all)")
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, to see that it runs; keeps nothing"
    )
    options = parser.parse_args(arguments)
    parts = [options.only] if options.only else list(_PARTS)
    figures = []
    with open_place(keep=not options.quick) as place:
        print(_ROW.format("measure", "figure", "target", "", "beside it"))
        for part in parts:
            for figure in _PARTS[part](QUICK if options.quick else STATED, place):
                figures.append(figure)
                print(_row(figure), *figure.table, sep="\n", flush=True)
    if not options.quick:
        _keep(figures)


def _row(figure: Figure) -> str:
    target = TARGETS[figure.measure]
    verdict = "" if target.is_met(figure.value) else "MISSED"
    return _ROW.format(
        figure.measure, f"{figure.value:.2f}", str(target), verdict, figure.beside
    ).rstrip()


def _keep(figures: Sequence[Figure]) -> None:
    """Write the figures, leaving those of the other parts as they were."""
    latest = json.loads(_LATEST.read_text()) if _LATEST.exists() else {}
    latest |= {figure.measure: round(figure.value, 4) for figure in figures}
    partial = _LATEST.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(latest, indent=2, sort_keys=True) + "\n")
    partial.replace(_LATEST)


if __name__ == "__main__":
    main()
