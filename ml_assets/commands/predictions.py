"""The commands about predictions that services answered: what was logged, and erasing it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ml_assets.commands.shared import AsJson, PipelineName, asked_lake, console, print_json
from ml_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from ml_assets.lineage.pipelines import PipelineTables
    from ml_assets.online.prediction_log.log import PredictionLog

app = typer.Typer(help="The log of predictions that services answered.", no_args_is_help=True)

Confirmed = Annotated[
    bool, typer.Option("--yes", help="Erase; without it, what would be erased is shown.")
]
By = Annotated[str, typer.Option(help="Name of the person who erases; needed with --yes.")]
Reason = Annotated[str, typer.Option(help="Why; needed with --yes.")]


@app.command("log")
def predictions_log(
    pipeline: PipelineName,
    *,
    day: Annotated[
        str, typer.Option(help="Day of the entries, 2013-05-31; the last one if omitted.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show what was logged on a day, and what was erased."""
    from ml_assets.commands.printing.logged import print_entries, print_erasures
    from ml_assets.lineage.pipelines import pipeline as known_pipeline
    from ml_assets.names import unknown

    of, log = known_pipeline(pipeline), _asked_log()
    counts, erasures = log.counts(of.name), log.erasures(of.name)
    days = sorted({*counts, *(one.day for one in erasures)})
    if day and day not in days:
        raise unknown(f"day in the prediction log of {pipeline}", day, days)
    chosen = day or (days[-1] if days else "")
    entries = log.read(of.name, [chosen])
    of_day = [one for one in erasures if one.day == chosen]
    if as_json:
        print_json(
            {
                "day": chosen,
                "entries": [asdict(one) for one in entries],
                "erasures": [asdict(one) for one in of_day],
            }
        )
        return
    if not days:
        console().print(f"Nothing is logged of {of.name} yet.")
        return
    if entries:
        print_entries(entries, console())
    print_erasures(of_day, console())
    console().print(
        f"{len(entries):,} entries of {chosen}; {sum(counts.values()):,} on {len(counts):,} days.",
        highlight=False,
    )


@app.command("erase")
def predictions_erase(
    pipeline: PipelineName,
    *,
    where: Annotated[
        list[str], typer.Option(help="COLUMN=VALUE of a request or its features; all are equal.")
    ],
    by: By = "",
    reason: Reason = "",
    yes: Confirmed = False,
) -> None:
    """Erase the log entries of an entity; that they were erased is recorded, without the values."""
    from ml_assets.commands.printing.logged import print_erasures
    from ml_assets.lineage.pipelines import pipeline as known_pipeline
    from ml_assets.online.prediction_log.erasing import erase_entity, events_of

    _refuse_nameless(yes, by, reason)
    of, values = known_pipeline(pipeline), dict(_column_and_text(text) for text in where)
    log = _asked_log()
    events = events_of(log, of.name, values)
    counts = {day: len(of_day) for day, of_day in events.items()}
    if not events:
        print_erasures([one for one in log.erasures(of.name) if one.is_of(values)], console())
        console().print("No entry has these values.")
        return
    if not yes:
        _print_planned(counts)
        return
    now = datetime.now(UTC)
    erased = erase_entity(log, of.name, values, events, by=by, reason=reason, now=now)
    _print_erased(erased, counts)
    _print_copies(of, [*counts])


@app.command("retain")
def predictions_retain(
    pipeline: PipelineName,
    *,
    days: Annotated[int, typer.Option(min=1, help="Entries of this many last days are kept.")],
    by: By = "",
    reason: Reason = "",
    yes: Confirmed = False,
) -> None:
    """Erase log entries that are older than some days, and whose predictions were collected."""
    from ml_assets import nouns
    from ml_assets.configuration import models
    from ml_assets.lineage.pipelines import pipeline as known_pipeline
    from ml_assets.online.prediction_log.erasing import days_before, erase_days

    _refuse_nameless(yes, by, reason)
    of, now = known_pipeline(pipeline), datetime.now(UTC)
    calendar, log = models.pipeline(of.name).days.calendar, _asked_log()
    old = days_before(log, of.name, calendar, days, now)
    table = of.table(nouns.PREDICTIONS)
    collected = {*asked_lake().days_stored(table)} if of.is_logged and old else {*old}
    if waiting := [day for day in old if day not in collected]:
        console().print(
            f"{len(waiting):,} days stay, from {waiting[0]} on, as {table} has not collected them yet.",
            highlight=False,
            soft_wrap=True,
        )
    counts = {day: count for day, count in old.items() if day in collected}
    if not counts:
        console().print(f"No other entry of {of.name} is older than {days} days.")
    elif not yes:
        _print_planned(counts)
    else:
        erased = erase_days(log, of.name, [*counts], by=by, reason=reason, now=now)
        _print_erased(erased, counts)


def _asked_log() -> "PredictionLog":
    """The prediction log that the settings name; it is not made when it is not there."""
    from ml_assets.workspace import Workspace

    workspace = Workspace.of_environment()
    if not workspace.has_prediction_log:
        raise ConfigurationError(
            f"There is no prediction log in {workspace.settings.data}, so no service has answered "
            "anything there yet. Check ML_ASSETS_DATA."
        )
    return workspace.prediction_log


def _column_and_text(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ConfigurationError(f"'{text}' names no column, expected COLUMN=VALUE.")
    return name, value


def _refuse_nameless(yes: bool, by: str, reason: str) -> None:
    if yes and not (by.strip() and reason.strip()):
        raise ConfigurationError(
            "What is erased is recorded with a name and a reason. Give --by and --reason with --yes."
        )


def _print_planned(counts: Mapping[str, int]) -> None:
    console().print(
        f"[yellow]{_summary(sum(counts.values()), counts)} would be erased.[/yellow] To erase, run the "
        "same command with --yes --by NAME --reason TEXT.",
        highlight=False,
        soft_wrap=True,
    )


def _print_erased(erased: int, counts: Mapping[str, int]) -> None:
    console().print(
        f"[green]{_summary(erased, counts)} were erased.[/green]", highlight=False, soft_wrap=True
    )


def _summary(entries: int, counts: Mapping[str, int]) -> str:
    return f"{entries:,} entries of {len(counts):,} days, {min(counts)} to {max(counts)},"


def _print_copies(of: "PipelineTables", days: Sequence[str]) -> None:
    """How the copies in the lake are removed, where predictions are collected from the log."""
    from ml_assets import nouns
    from ml_assets.lake.remedy import materialize_commands

    if not of.is_logged:
        return
    console().print(
        "The lake has their keys and predictions. To remove them from logged_predictions, run:",
        soft_wrap=True,
    )
    for command in materialize_commands(of.table(nouns.LOGGED_PREDICTIONS), days):
        console().print(f"  {escape(command)}", highlight=False, soft_wrap=True)
    console().print("  ml-assets lake maintain", highlight=False)
