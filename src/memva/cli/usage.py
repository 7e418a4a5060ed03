"""`memva usage`: the tokens that were used, by day, model, project or session."""

from __future__ import annotations

from datetime import datetime
from typing import Final, get_args

import click

from memva.cli.database import Database, is_there, open_database, tell_of_none
from memva.cli.entity_json import json_line
from memva.cli.moments import LocalZone, since_and_until
from memva.cli.output import Output, counted, one_line, stderr, stdout
from memva.cli.table import write_table
from memva.cli.usage_json import report_object
from memva.domain.usage_report import UsageBy, UsageReport, UsageTotals, summed

_NUMBERS: Final = ("RESPONSES", "INPUT", "CACHE WRITE", "CACHE READ", "OUTPUT", "TOTAL")
_SHOWN_BY_DEFAULT: Final[tuple[UsageBy, ...]] = ("day", "model", "project")
_NARROWEST: Final = {0: 12}
_RIGHT: Final = range(1, len(_NUMBERS) + 1)
_BAR: Final = 30
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_UNNAMED: Final = "(not said)"


@click.command(short_help="Show how many tokens were used.")
@click.option(
    "--by",
    type=click.Choice(get_args(UsageBy)),
    help="What the rows are; by default days, models and projects are shown.",
)
@since_and_until
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object with the total and the rows."
)
@click.pass_obj
def usage(
    database: Database,
    by: UsageBy | None,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """Show how many tokens were used, each response of the API counted once.

    What forks, resumed sessions and subagents repeat counts once. Days are those of this machine's
    time zone. Figures that Claude Code never said the last word on are marked with "~": the truth
    is more. memva knows no prices.
    """
    if not is_there(database):
        tell_of_none(database)
        return
    with open_database(database) as store:
        # Once for all reports, as there may be very many.
        rows = store.counts.responses(since=since, until=until)
    kinds = (by,) if by else ("day",) if as_json else _SHOWN_BY_DEFAULT
    zone = LocalZone()
    reports = [summed(rows, by=kind, tz=zone, since=since, until=until) for kind in kinds]
    if as_json:
        stdout().raw(json_line(report_object(reports[0])))
    elif not reports[0].groups:
        stderr().line("No usage in that time." if since or until else "No usage yet.")
    else:
        _write(reports, stdout())


def _write(reports: list[UsageReport], output: Output) -> None:
    total = reports[0].total
    output.line(
        f"{counted(total.usage.total_tokens, 'token')} in {counted(total.responses, 'response')}",
        style="bold",
    )
    if total.sidechain_responses:
        tokens = counted(total.sidechain_usage.total_tokens, "token")
        output.line(f"of these {tokens} in {total.sidechain_responses:,} of subagents", style="dim")
    if not total.is_final:
        some = counted(total.provisional_responses, "response")
        output.line(f"~ {some} without final figures: the truth is more", style="dim")
    for report in reports:
        output.line()
        if report.by == "day":
            _write_bars(report, output)
        else:
            headings = (report.by.upper(), *_NUMBERS)
            rows = [_row(key, totals) for key, totals in _largest_first(report)]
            write_table(headings, rows, narrowest=_NARROWEST, numbers=_RIGHT, output=output)


def _write_bars(report: UsageReport, output: Output) -> None:
    most = max(totals.usage.total_tokens for totals in report.groups.values())
    numbers = {day: tokens_text(totals) for day, totals in report.groups.items()}
    width = max(map(len, numbers.values()))
    for day, totals in report.groups.items():
        bar = _bar(totals.usage.total_tokens, most)
        output.line(f"{day}  {numbers[day]:>{width}}  {bar}".rstrip())


def _bar(tokens: int, most: int) -> str:
    """Return a bar as long as `tokens` are in `most`; what is not nothing shows."""
    eighths = round(tokens / most * _BAR * 8) if most else 0
    whole, rest = divmod(max(eighths, 1 if tokens else 0), 8)
    return ("█" * whole + _EIGHTHS[rest]).rstrip()


def _largest_first(report: UsageReport) -> list[tuple[str, UsageTotals]]:
    return sorted(report.groups.items(), key=lambda group: (-group[1].usage.total_tokens, group[0]))


def _row(key: str, totals: UsageTotals) -> tuple[str, ...]:
    used = totals.usage
    return (
        one_line(key) or _UNNAMED,
        f"{totals.responses:,}",
        f"{used.input_tokens:,}",
        f"{used.cache_creation_tokens:,}",
        f"{used.cache_read_tokens:,}",
        f"{used.output_tokens:,}",
        tokens_text(totals),
    )


def tokens_text(totals: UsageTotals) -> str:
    """Return how many tokens there were in all; "~" marks figures that are not final."""
    return f"{'' if totals.is_final else '~'}{totals.usage.total_tokens:,}"
