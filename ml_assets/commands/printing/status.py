"""Prints a status report."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from ml_assets.alerts.messages import counted
from ml_assets.commands.printing.alerts import print_open
from ml_assets.commands.shared import plain_table
from ml_assets.lineage.status.values import (
    PipelineStatus,
    ProjectStatus,
    StageProgress,
    StaleTable,
    UnusableDay,
)

SHOWN = 5
"""Days without rows, and changes, that are printed; JSON has all."""

INDENT = 2
COLORS = {
    "passed": "green",
    "awaiting_approval": "yellow",
    "approved": "green",
    "rejected": "red",
    "blocked": "red",
    "keep": "green",
    "retrain": "yellow",
    "quarantined": "red",
    "skipped": "yellow",
}


def print_status(found: ProjectStatus, out: Console) -> None:
    """Print a report.

    Args:
        found: the report.
        out: where.
    """
    for problem in found.unreadable:
        _line(out, f"[red]cannot be read[/red]: {escape(problem)}", indent=0)
        out.print()
    if not found.pipelines:
        out.print("Nothing was materialized yet.")
    for pipeline in found.pipelines:
        if pipeline.is_begun:
            _print_pipeline(pipeline, out)
    if waiting := [one.pipeline for one in found.pipelines if not one.is_begun]:
        _line(out, f"Pipelines not begun: {', '.join(waiting)}.", indent=0)
        out.print()
    for problem in dict.fromkeys(source.problem for source in found.sources.values()):
        if problem:
            tables = [name for name, each in found.sources.items() if each.problem == problem]
            _line(out, f"[red]source of {', '.join(tables)}[/red]: {escape(problem)}")
            out.print()
    told = {one.command for pipeline in found.pipelines for one in pipeline.waiting}
    print_open(found.alerts, SHOWN, out, told)
    _print_problems(found, out)
    _print_stale(found.stale, out)
    _command(out, f"Next, {found.next.step}:", found.next.command)


def _print_pipeline(pipeline: PipelineStatus, out: Console) -> None:
    out.print(f"[bold]{pipeline.pipeline}[/bold]", highlight=False)
    if pipeline.problem:
        _line(out, f"[red]cannot be read[/red]: {escape(pipeline.problem)}")
    if champion := pipeline.champion:
        name = f"version {champion.version}" if champion.version else "a model"
        value = "" if champion.value is None else f", {champion.metric} {champion.value:.4f}"
        _line(
            out,
            f"champion: [green]{name} as of {champion.as_of}[/green], serves since "
            f"{champion.serves_from}, released by {escape(champion.released_by)}{value}",
        )
    elif not pipeline.problem:
        _line(out, "champion: none yet")
    if last := pipeline.last_release:
        _line(out, f"last release: {last.day} {_colored(last.verdict)}")
    if pipeline.retraining:
        pending = pipeline.retraining
        _line(
            out,
            f"retraining: [yellow]pending as of {pending.as_of}[/yellow], decided on "
            f"{pending.decided_on}: {escape(pending.reason)}",
        )
    elif decision := pipeline.last_retraining_decision:
        _line(
            out,
            f"retraining: {decision.day} {_colored(decision.verdict)}: {escape(decision.reason)}",
        )
    out.print()
    _print_changed(pipeline, out)
    _print_waiting(pipeline, out)
    _print_stages(pipeline, out)


def _print_changed(pipeline: PipelineStatus, out: Console) -> None:
    if not (changed := pipeline.changed):
        return
    more = len(changed.changes) - SHOWN
    omitted = f"; and {more} more, which --json has" if more > 0 else ""
    out.print("Configuration changed since the champion was trained; the champion keeps its own:")
    _line(out, escape("; ".join(changed.changes[:SHOWN]) + omitted))
    if changed.command:
        out.print("  To train and release a model by it:")
        out.print(f"    {changed.command}", highlight=False, soft_wrap=True, markup=False)
    out.print()


def _print_waiting(pipeline: PipelineStatus, out: Console) -> None:
    for title, is_open in (("Waits for a person:", True), ("Approved, not continued yet:", False)):
        releases = [one for one in pipeline.waiting if (one.state == "waiting") is is_open]
        if releases:
            out.print(title)
        for release in releases:
            _line(out, f"[yellow]{release.as_of}[/yellow] {escape(release.reason)}")
            out.print(f"    {release.command}", highlight=False, soft_wrap=True, markup=False)
        if releases:
            out.print()


def _print_stages(pipeline: PipelineStatus, out: Console) -> None:
    if not any(stage.last_day for stage in pipeline.stages):
        return
    table = plain_table("stage", "last", "behind", "next", gap=1)
    waiting = [one for one in pipeline.stages if not one.last_day and one.behind is None]
    for stage in pipeline.stages:
        if stage in waiting:
            continue
        color = "yellow" if stage.behind else "default"
        behind = f"[{color}]{_behind(stage)}[/{color}]"
        table.add_row(
            _noun(stage, pipeline),
            _last(stage),
            behind,
            stage.next_day,
        )
    out.print(table)
    if waiting:
        more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
        _line(out, f"Not begun: {_noun(waiting[0], pipeline)}{more}.", indent=0)
    until = pipeline.sources_until or "no day"
    out.print(f"The sources are complete until {until}.", highlight=False)
    out.print()


def _noun(stage: StageProgress, pipeline: PipelineStatus) -> str:
    return stage.table.removeprefix(f"{pipeline.pipeline}/")


def _last(stage: StageProgress) -> str:
    """The last day, and its state if it has no rows."""
    if not stage.last_day:
        return "none"
    return stage.last_day if stage.is_last_stored else f"{stage.last_day} ({stage.last_state})"


def _behind(stage: StageProgress) -> str:
    if stage.behind is None:
        return "unknown"
    return counted(stage.behind, stage.unit) if stage.behind else "·"


def _print_problems(found: ProjectStatus, out: Console) -> None:
    causes = [one for one in found.problems if not one.is_consequence]
    if causes:
        out.print("Days without usable rows:")
    for one in causes[:SHOWN]:
        _line(out, _unusable(one))
    more = [
        f"{len(causes) - SHOWN} more" if len(causes) > SHOWN else "",
        f"{counted(count, 'day')} because of these"
        if (count := len(found.problems) - len(causes))
        else "",
        counted(found.older_problems, "older day") if found.older_problems else "",
    ]
    if omitted := ", ".join(filter(None, more)):
        _line(out, f"… and {omitted}; --json names the recent ones")
    if causes or omitted:
        out.print()


def _print_stale(tables: Sequence[StaleTable], out: Console) -> None:
    if not tables:
        return
    out.print("Stale days, whose inputs or code changed; compute them in this order:")
    for one in tables:
        span = f"{one.days[0]}…{one.days[-1]}" if len(one.days) > 1 else one.days[0]
        _line(
            out,
            f"[yellow]{one.table}[/yellow] {counted(len(one.days), one.unit)}, {span}: {escape(one.reason)}",
        )
        out.print(f"    {one.command}", highlight=False, soft_wrap=True, markup=False)
    out.print()


def _unusable(one: UnusableDay) -> str:
    return f"{_colored(one.state)} {one.table} {one.day}: {escape(one.reason)}"


def _colored(word: str) -> str:
    color = COLORS.get(word, "default")
    return f"[{color}]{word.replace('_', ' ')}[/{color}]"


def _line(out: Console, text: str, indent: int = INDENT) -> None:
    """Print a paragraph, indented."""
    lines = Text.from_markup(text).wrap(out, out.width - indent, overflow="fold")
    for line in lines:
        line.rstrip()
        out.print(Text(" " * indent).append_text(line), soft_wrap=True)


def _command(out: Console, text: str, command: str) -> None:
    """Print a command on one line that can be copied."""
    out.print(f"{text}\n  [bold]{escape(command)}[/bold]", highlight=False, soft_wrap=True)
