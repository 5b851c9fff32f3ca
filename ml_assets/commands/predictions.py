"""The commands about predictions that services answered: what was logged, and erasing it."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ml_assets.commands.shared import (
    AsJson,
    PipelineName,
    asked_lake,
    column_and_text,
    console,
    print_json,
)
from ml_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from ml_assets.online.prediction_log.log import PredictionLog

app = typer.Typer(help="The log of predictions that services answered.", no_args_is_help=True)

Confirmed = Annotated[
    bool,
    typer.Option("--yes", help="Erase; without it, only show the entries that would be erased."),
]
By = Annotated[str, typer.Option(help="Name of the person who erases; needed with --yes.")]
Reason = Annotated[str, typer.Option(help="Why; needed with --yes.")]


@app.command("log")
def predictions_log(
    pipeline: PipelineName,
    *,
    day: Annotated[
        str, typer.Option(help="Day that was predicted, 2013-05-31; the last one if omitted.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Entries to show, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what was logged of a day that was predicted, and what was erased."""
    from ml_assets.commands.printing.logged import print_entries, print_erasures, print_total
    from ml_assets.lineage.pipelines import pipeline as known_pipeline
    from ml_assets.names import unknown

    of, log = known_pipeline(pipeline), _asked_log()
    counts, erasures = log.counts(of.name), log.erasures(of.name)
    days = sorted({*counts, *(one.day for one in erasures)})
    if day and day not in days:
        raise unknown(f"day in the prediction log of {pipeline}", day, days)
    chosen = day or (days[-1] if days else "")
    entries = log.newest(of.name, chosen, limit)
    of_day = [one for one in erasures if one.day == chosen]
    if as_json:
        print_json(
            {
                "day": chosen,
                "logged": counts.get(chosen, 0),
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
    print_total(chosen, len(entries), counts, console())


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
    from ml_assets.commands.printing.logged import (
        print_copies,
        print_erased,
        print_erasures,
        print_planned,
    )
    from ml_assets.lineage.pipelines import pipeline as known_pipeline
    from ml_assets.online.prediction_log.erasing import erase_entity, events_of

    _refuse_nameless(yes, by, reason)
    of, values = known_pipeline(pipeline), dict(column_and_text(text) for text in where)
    log = _asked_log()
    events = events_of(log, of.name, values)
    counts = {day: len(of_day) for day, of_day in events.items()}
    if not events:
        print_erasures([one for one in log.erasures(of.name) if one.is_of(values)], console())
        console().print("No entry has these values.")
        return
    if not yes:
        print_planned(counts, console())
        return
    now = datetime.now(UTC)
    erased = erase_entity(log, of.name, values, events, by=by, reason=reason, now=now)
    print_erased(erased, counts, console())
    print_copies(of, [*counts], console())


@app.command("retain")
def predictions_retain(
    pipeline: PipelineName,
    *,
    days: Annotated[
        int, typer.Option(min=1, max=36500, help="Entries of this many last days are kept.")
    ],
    by: By = "",
    reason: Reason = "",
    yes: Confirmed = False,
) -> None:
    """Erase log entries that are older than some days, and whose predictions were collected."""
    from ml_assets import nouns
    from ml_assets.commands.printing.logged import counted, print_erased, print_planned
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
            f"Entries of {counted(len(waiting), 'day', 'days')} from {waiting[0]} on stay, as {table} has not "
            "collected them yet.",
            highlight=False,
            soft_wrap=True,
        )
    counts = {day: count for day, count in old.items() if day in collected}
    if not counts:
        console().print(f"No other entry of {of.name} is older than {days} days.")
    elif not yes:
        print_planned(counts, console())
    else:
        erased = erase_days(log, of.name, [*counts], by=by, reason=reason, now=now)
        print_erased(erased, counts, console())


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


def _refuse_nameless(yes: bool, by: str, reason: str) -> None:
    if yes and not (by.strip() and reason.strip()):
        raise ConfigurationError(
            "An erasure is recorded with a name and a reason. Give --by and --reason with --yes."
        )
