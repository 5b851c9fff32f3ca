"""Output of the commands about the prediction log: entries, their inputs, and erasures."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape

from ml_assets import nouns
from ml_assets.commands.printing.lineage import (
    days_read,
    ensemble_text,
    print_model,
    print_predicted,
)
from ml_assets.commands.shared import plain_table
from ml_assets.lake.remedy import materialize_commands
from ml_assets.learning.predictions import PREDICTION
from ml_assets.lineage.logged import LoggedTrace
from ml_assets.lineage.pipelines import PipelineTables
from ml_assets.lineage.requests.lookups import LookedUp
from ml_assets.lineage.requests.touched import TouchedRequests
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.erasures import Erasure, text_of
from ml_assets.online.values import Plain
from ml_assets.release.approvals.approvals import format_time


def print_logged(found: LoggedTrace, console: Console) -> None:
    """A prediction that a service answered, its model, and its log entry."""
    print_predicted(found.prediction, found.written, console)
    if found.collect:
        console.print(
            f"  [yellow]{escape(found.collect)}[/yellow]", highlight=False, soft_wrap=True
        )
    print_model(found.model, console)
    if found.entry:
        print_entry(found.entry, console)
        print_lookups(found.lookups, console)
    elif found.erasure:
        console.print(
            f"[yellow]The log entry {escape(found.event_id)} was erased[/yellow]: "
            f"{erasure_text(found.erasure)}.",
            highlight=False,
            soft_wrap=True,
        )
    else:
        console.print(
            f"[red]The prediction log has no entry {escape(found.event_id)}, and no erasure of it.[/red] "
            "Restore the log from a backup, or check ML_ASSETS_DATA.",
            highlight=False,
            soft_wrap=True,
        )


def print_entry(entry: LoggedPrediction, console: Console) -> None:
    """What was requested, what was looked up, and what was predicted with."""
    console.print(
        f"[bold]event {escape(entry.event_id)}[/bold], answered {entry.answered_at:%Y-%m-%d %H:%M:%S} UTC "
        f"in {entry.latency_ms:.2f} ms",
        highlight=False,
        soft_wrap=True,
    )
    if entry.ensemble:
        console.print(f"  {ensemble_text(entry.ensemble)}", highlight=False, soft_wrap=True)
    asked = ", ".join(f"{name} {_shown(value)}" for name, value in entry.request.items())
    console.print(f"  requested: {escape(asked)}", highlight=False, soft_wrap=True)
    table = plain_table("feature", "value", title="features")
    for name, value in entry.features.items():
        table.add_row(name, _shown(value) + (" (missing)" if name in entry.missing else ""))
    console.print(table)
    if entry.ages:
        ages = plain_table(
            "looked up in", "age", title=f"online features at {format_time(entry.at)}"
        )
        for name, seconds in entry.ages.items():
            stale = " (stale)" if name in entry.stale else ""
            ages.add_row(name, "no values" if seconds is None else f"{seconds:,.0f} s{stale}")
        console.print(ages)


def print_lookups(lookups: Sequence[LookedUp], console: Console) -> None:
    """The rows that were looked up, and the days that they were computed from."""
    if not lookups:
        return
    table = plain_table("looked up in", "partition", "known at", title="rows that were looked up")
    for one in lookups:
        changed = " (computed again since)" if one.written_after else ""
        day = f"{one.day}{changed}" if one.day else "not in the lake any more"
        table.add_row(one.table, day, format_time(one.known_at))
    console.print(table)
    sources = plain_table("looked up in", "made from", "days", "first … last")
    for one in lookups:
        for read in one.sources:
            sources.add_row(one.table, read.table, f"{read.days:,}", days_read(read))
    console.print(sources)


def print_touched_requests(found: Sequence[TouchedRequests], console: Console) -> None:
    """Logged predictions that a day touched, a line for each day and model."""
    if not found:
        return
    table = plain_table("answered for", "day", "model as of", "logged", "looked it up", right=2)
    for one in found:
        table.add_row(
            one.pipeline, one.day, one.model_as_of, f"{one.entries:,}", f"{one.by_values:,}"
        )
    console.print(table)
    console.print(
        f"{counted(sum(one.entries for one in found), 'logged prediction', 'logged predictions')} used a row "
        "that was computed from it, or a model that was trained on it.",
        highlight=False,
        soft_wrap=True,
    )


def print_entries(entries: Sequence[LoggedPrediction], console: Console) -> None:
    """A line for each entry, and a further one with members and rules for an entry of an ensemble."""
    table = plain_table("event", "answered", "prediction", "ms", right=2)
    for entry in entries:
        predicted = entry.prediction.get(PREDICTION)
        table.add_row(
            entry.event_id,
            f"{entry.answered_at:%Y-%m-%d %H:%M:%S}",
            f"{predicted:.4f}" if isinstance(predicted, float) else _shown(predicted),
            f"{entry.latency_ms:.2f}",
        )
    console.print(table)
    for entry in entries:
        if entry.ensemble:
            console.print(
                f"{escape(entry.event_id)}: {ensemble_text(entry.ensemble)}",
                highlight=False,
                soft_wrap=True,
            )


def print_total(day: str, shown: int, counts: Mapping[str, int], console: Console) -> None:
    """How many entries of a day were shown, and how many there are: day → number of entries."""
    more = counts.get(day, 0) - shown
    if more > 0:
        console.print(
            f"{counted(more, 'older entry is', 'older entries are')} not shown. To show more, give --limit.",
            highlight=False,
        )
    console.print(
        f"{counted(counts.get(day, 0), 'entry', 'entries')} of {day}; {sum(counts.values()):,} on "
        f"{counted(len(counts), 'day', 'days')}.",
        highlight=False,
    )


def print_erasures(erasures: Sequence[Erasure], console: Console) -> None:
    """What was erased, a line for each day."""
    for erasure in erasures:
        console.print(f"Erased: {erasure_text(erasure)}.", highlight=False, soft_wrap=True)


def erasure_text(erasure: Erasure) -> str:
    """What was erased, by whom, when and why."""
    chosen = f"with a value of {', '.join(erasure.columns)}" if erasure.columns else "all"
    return escape(
        f"{counted(erasure.entries, 'entry', 'entries')} of {erasure.day} ({chosen}) on {format_time(erasure.at)} by "
        f"{erasure.by}: {erasure.reason}"
    )


def print_planned(counts: Mapping[str, int], console: Console) -> None:
    """What would be erased: day → number of entries."""
    console.print(
        f"[yellow]{_summary(sum(counts.values()), counts)} would be erased.[/yellow] To erase, run the "
        "same command with --yes --by NAME --reason TEXT.",
        highlight=False,
        soft_wrap=True,
    )


def print_erased(erased: int, counts: Mapping[str, int], console: Console) -> None:
    """How many entries were erased, of the planned days."""
    console.print(
        f"[green]{_summary(erased, counts)} were erased.[/green]", highlight=False, soft_wrap=True
    )


def print_copies(of: PipelineTables, days: Sequence[str], console: Console) -> None:
    """How the copies in the lake are removed, where predictions are collected from the log."""
    if not of.is_logged:
        return
    console.print(
        "The lake has their keys and predictions. To remove them from logged_predictions, run:",
        soft_wrap=True,
    )
    for command in materialize_commands(of.table(nouns.LOGGED_PREDICTIONS), days):
        console.print(f"  {escape(command)}", highlight=False, soft_wrap=True)
    console.print("  ml-assets lake maintain", highlight=False)


def _summary(entries: int, counts: Mapping[str, int]) -> str:
    first, last = min(counts), max(counts)
    days = first if first == last else f"{len(counts):,} days, {first} to {last},"
    return f"{counted(entries, 'entry', 'entries')} of {days}"


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many}"


def _shown(value: Plain) -> str:
    return "null" if value is None else escape(str(text_of(value)))
