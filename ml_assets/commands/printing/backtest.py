"""Console output of results: tables, progress bars. Nothing is computed here."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ml_assets.commands.shared import plain_table
from ml_assets.simulation.results import PROMOTED, BacktestResult


@contextmanager
def backtest_progress(console: Console) -> Iterator[Callable[[str, int, int, str], None]]:
    """A bar with ETA for each policy, or a line for each step where there is no terminal."""
    if not console.is_terminal:
        yield lambda policy, done, total, what: console.print(
            f"{policy} {done}/{total}: {what}", highlight=False
        )
        return
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[what]}"),
    ]
    with Progress(*columns, console=console) as bars:
        tasks = {}

        def show(policy: str, done: int, total: int, what: str) -> None:
            if policy not in tasks:
                tasks[policy] = bars.add_task(policy, total=total, what=what)
            bars.update(tasks[policy], completed=done, what=what)

        yield show


def print_backtest(results: Sequence[BacktestResult], console: Console) -> None:
    """Policies side by side, month by month, and what each of them retrained and why."""
    table = plain_table(
        "month",
        "rows",
        *(result.policy for result in results),
        "days with drift",
        right=len(results) + 2,
        title=f"{results[0].metric} of all predictions of a month",
    )
    first = results[0]
    by_month = [{month["month"]: month for month in result.months} for result in results]
    for month in first.months:
        table.add_row(
            month["month"],
            f"{month['rows']:,}",
            *(_shown(months.get(month["month"], {}).get("value")) for months in by_month),
            str(max(months.get(month["month"], month)["drifted_days"] for months in by_month)),
        )
    table.add_row()
    table.add_row("mean", "", *(f"[bold]{result.mean:.4f}[/bold]" for result in results), "")
    table.add_row("retrainings", "", *(str(max(0, len(r.retrains) - 1)) for r in results), "")
    table.add_row("promoted", "", *(str(_promoted(result) - 1) for result in results), "")
    console.print(table)
    for result in results:
        console.print(
            f"[bold]{result.policy}[/bold] ({result.seconds:.0f} s, {result.peak_mib} MiB)"
        )
        for item in result.retrains:
            color = "green" if item["release"] == PROMOTED else "yellow"
            why = "" if item["release"] == PROMOTED else f" ({item['release_reason']})"
            console.print(
                f"  as of {item['as_of']}: {escape(item['reason'])} → "
                f"[{color}]{item['release']}[/{color}]{escape(why)}",
                highlight=False,
                soft_wrap=True,
            )
        for day, reason in result.not_scored.items():
            console.print(f"  not scored: {day}: {escape(reason)}", highlight=False, soft_wrap=True)
        for step, message in result.failures.items():
            console.print(f"  [red]FAILED[/red] {step}: {escape(message)}", highlight=False)


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _promoted(result: BacktestResult) -> int:
    return sum(item["release"] == PROMOTED for item in result.retrains)
