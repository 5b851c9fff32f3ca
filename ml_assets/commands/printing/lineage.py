"""Output of the commands about lineage, on a console and as JSON. Nothing is computed here."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape

from ml_assets.commands.shared import COMMIT_LENGTH, plain_table
from ml_assets.learning.ensembles.answers import Answer, MemberAnswer
from ml_assets.ledger.entries import grouped
from ml_assets.lineage.impact import Impact
from ml_assets.lineage.inputs import SourceRows, TableRead
from ml_assets.lineage.repair import Step
from ml_assets.lineage.trace import ModelTrace, PredictionTrace, Row, WrittenDay, plain_row
from ml_assets.release.approvals.approvals import format_time, short_hash
from ml_assets.release.audit import Event

FEW_ROWS = 3
"""Rows of a use that are printed in full; the JSON has all."""


def print_prediction(found: PredictionTrace, console: Console) -> None:
    """A prediction, the model, the features and the source rows that it comes from."""
    print_predicted(found.prediction, found.written, console)
    if found.answer:
        console.print(f"  {ensemble_text(found.answer)}", highlight=False, soft_wrap=True)
    print_model(found.model, console)
    table = plain_table("feature", "value", title="feature row")
    for name, value in found.feature_row.items():
        table.add_row(name, "" if value is None else str(value))
    console.print(table)
    console.print(f"  {_how(found.features)}", highlight=False, soft_wrap=True)
    uses = plain_table("table", "days", "version", "rows", "used for", title="source rows")
    for source in found.sources:
        uses.add_row(
            source.read.table,
            days_read(source.read),
            _version(source.read.version),
            f"{len(source.rows):,}",
            "; ".join(f"{use}: {count:,}" for use, count in _uses(source).items()),
        )
    console.print(uses)
    for source in found.sources:
        for use, count in _uses(source).items():
            if count <= FEW_ROWS:
                _print_rows(console, source, use)


def print_predicted(prediction: Row, written: WrittenDay | None, console: Console) -> None:
    """The row of a prediction, and how its day was written, if it was."""
    cells = [
        f"{name} {value}" for name, value in prediction.items() if name not in ("ds", "prediction")
    ]
    predicted = prediction["prediction"]
    shown = f"{predicted:.4f}" if isinstance(predicted, float) else predicted or "none"
    console.print(f"[bold]prediction {shown}[/bold]", highlight=False)
    console.print(f"  {', '.join(cells)}", highlight=False, soft_wrap=True)
    if written:
        console.print(f"  {_how(written)}", highlight=False, soft_wrap=True)


def _print_rows(console: Console, source: SourceRows, use: str) -> None:
    rows = source.rows[source.rows["used_for"].str.contains(use, regex=False)]
    for row in rows.drop(columns="used_for").to_dict("records"):
        values = ", ".join(f"{name} {value}" for name, value in row.items() if pd.notna(value))
        console.print(f"{source.read.table}, {use}: {values}", highlight=False, soft_wrap=True)


def print_model(found: ModelTrace, console: Console) -> None:
    """A model, the data it was trained on, and what happened to its release."""
    name = f"version {found.version}" if found.version else "never registered"
    serves = f", serves from {found.serves_from}" if found.serves_from else ""
    console.print(
        f"[bold]model as of {found.as_of}[/bold], {name}{serves}, fingerprint {found.model.content_hash}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"  {_made_from(found)}; {_how(found.model)}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"  training dataset of {found.dataset.rows:,} rows; {_how(found.dataset)}",
        highlight=False,
        soft_wrap=True,
    )
    table = plain_table("made from", "days", "number", "version", title="data", right=2)
    for read in [*found.training, *found.sources]:
        table.add_row(read.table, days_read(read), str(read.days), _version(read.version))
    console.print(table)
    if found.release:
        release = plain_table("when, evidence", "what, reason", title="release")
        for event in found.release:
            release.add_row(*event_cells(event))
        console.print(release)
    else:
        console.print("Its release was not decided yet.")
    for member in found.members:
        console.print(f"[bold]member {member.pipeline}[/bold]", highlight=False)
        print_model(member, console)


def event_cells(event: Event) -> tuple[str, str]:
    """What happened to a release, in two cells: when and on which evidence; what and why."""
    evidence = f"\nevidence {short_hash(event.evidence)}" if event.evidence else ""
    serves = f", serves from {event.serves_from}" if event.serves_from else ""
    reason = f"\n{escape(event.reason)}" if event.reason else ""
    changed = f"\nchanged: {escape('; '.join(event.changes))}" if event.changes else ""
    what = f"[{_event_color(event.what)}]{escape(event.what)}[/]{serves}{reason}{changed}"
    return f"{format_time(event.at)}{evidence}", what


def _event_color(what: str) -> str:
    if what.startswith(("champion:", "decided: passed", "approv")):
        return "green"
    return "yellow" if what.startswith("decided: awaiting") else "red"


def ensemble_text(answer: Answer) -> str:
    """How an ensemble came to a prediction, in a line."""
    members = ", ".join(f"{name} {_contribution(one)}" for name, one in answer.members.items())
    combined = "" if answer.combined is None else f" → {answer.combined:.4f}"
    parts = [
        answer.outcome,
        f"route {answer.route}" if answer.route else "",
        f"{members}{combined}",
        *(f"{one.rule} ({one.reason})" for one in answer.rules),
    ]
    return escape("; ".join(filter(None, parts)))


def _contribution(member: MemberAnswer) -> str:
    score = "none" if member.score is None else f"{member.score:.4f}"
    return f"{score} [{member.failure}]" if member.failure else score


def print_impact(found: Impact, console: Console) -> None:
    """Days, models and predictions that used a day, and whether a champion is among them."""
    of_column = f", column {found.column}" if found.column else ""
    console.print(
        f"[bold]{found.table} {found.day}[/bold]{of_column}: {escape(found.state)}",
        highlight=False,
        soft_wrap=True,
    )
    if found.tables:
        _print_touched(found, console)
    else:
        console.print("Nothing that is stored used it.")
    if found.models:
        _print_models(found, console)
    else:
        console.print("No model was trained on it.")
    for table, days in found.waiting.items():
        console.print(
            f"waits for it: {table} {_first_and_last(days[0], days[-1])}",
            highlight=False,
            soft_wrap=True,
        )


def _print_touched(found: Impact, console: Console) -> None:
    table = plain_table("used by", "days", "first … last", "rows", "stale", gap=1)
    for touched in found.tables:
        cells = [
            touched.table,
            str(len(touched.days)),
            _first_and_last(touched.days[0], touched.days[-1]),
            f"{touched.rows:,}",
            f"[red]{touched.stale}[/red]" if touched.stale else "·",
        ]
        table.add_row(*cells)
    console.print(table)
    if found.column:
        console.print("Columns that depend on it:")
    for touched in found.tables if found.column else ():
        columns = _listed(touched.columns) or "not noted"
        console.print(f"  {touched.table}: {columns}", highlight=False, soft_wrap=True)
    for name in found.assumed:
        console.print(
            f"Every column of {name} counts as made from it, as its lineage is neither declared nor "
            f"measured. Measure it: ml-assets lineage {name} --measure",
            highlight=False,
            soft_wrap=True,
        )


def _print_models(found: Impact, console: Console) -> None:
    models = plain_table("model of, as of", "version", "predictions", "first … last", "", gap=1)
    for pipeline, of_pipeline in grouped((one.pipeline, one) for one in found.models).items():
        models.add_row(pipeline)
        for model in of_pipeline:
            models.add_row(
                f"  {model.as_of}",
                str(model.version or "not released"),
                f"{model.predictions:,}",
                _first_and_last(model.first, model.last),
                "[bold]champion now[/bold]" if model.is_champion else "",
            )
    console.print(models)
    console.print(
        "[bold]A current champion is among the models.[/bold]"
        if found.reaches_champion
        else "No current champion is among them."
    )


def _made_from(found: ModelTrace) -> str:
    """What a model was fitted on, or composed of."""
    if not found.members:
        return f"fitted on {found.model.rows:,} rows"
    return f"composed of {', '.join(f'{one.pipeline} as of {one.as_of}' for one in found.members)}"


def _how(written: WrittenDay) -> str:
    at = f" on {written.written_at:%Y-%m-%d %H:%M} UTC" if written.written_at else ""
    commit = f" at commit {written.commit[:COMMIT_LENGTH]}" if written.commit else ""
    changed = " with changes that were not committed" if written.is_dirty else ""
    version = "" if written.version is None else f", table version {written.version}"
    was = "" if written.is_current else ", made again since"
    return (
        f"{written.table} {written.day}, data version {short_hash(written.content_hash)}{version}{was}: "
        f"written{at} by run {short_hash(written.run_id)}, code {short_hash(written.code_version)}"
        f"{commit}{changed}"
    )


def _uses(source: SourceRows) -> dict[str, int]:
    """Use → number of rows; nothing where the feature table does not say."""
    if "used_for" not in source.rows.columns:
        return {}
    return dict(Counter(use for uses in source.rows["used_for"] for use in uses.split("; ")))


def prediction_as_json(found: PredictionTrace) -> dict[str, Any]:
    """The same as plain values, with every source row."""
    return {
        "prediction": found.prediction,
        "written": asdict(found.written),
        "model": asdict(found.model),
        "features": asdict(found.features),
        "feature_row": found.feature_row,
        "answer": found.answer.record() if found.answer else None,
        "sources": [
            asdict(source.read) | {"rows": [plain_row(row) for _, row in source.rows.iterrows()]}
            for source in found.sources
        ],
    }


def days_read(read: TableRead) -> str:
    """The first and the last day that were read."""
    return _first_and_last(read.first, read.last)


def _first_and_last(first: str, last: str) -> str:
    return first if first == last else f"{first} … {last}"


def days_of(step: Step) -> str:
    """The days of a step, for progress."""
    return _first_and_last(step.first, step.last)


def _version(version: int | None) -> str:
    return "" if version is None else str(version)


def _listed(names: Sequence[str], shown: int = 4) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
