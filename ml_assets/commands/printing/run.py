"""The end of the console output of a command that ran something: what was done and what is next."""

from rich.console import Console
from rich.markup import escape

from ml_assets.orchestration.runs.summary import RunSummary

SHOWN = 10
"""Days that are named with their reason; the ledger and the run's page have all."""


def print_summary(summary: RunSummary, console: Console) -> None:
    """Print the verdict, decisions, counts, days that are not stored, and the next command."""
    color = "green" if summary.verdict == "complete" else "red"
    counts = ", ".join(
        f"{name.replace('_', ' ')} {count:,}" for name, count in summary.counts.items()
    )
    _print(console, f"[{color}]{summary.verdict}[/{color}]: {counts}")
    for decision in summary.decisions:
        _print(
            console,
            f"{decision.verdict}: {escape(decision.reason)} ({decision.table} {decision.day})",
        )
    days = [
        f"{state} {table.table} {day}: {escape(reason)}"
        for table in summary.tables
        for state, of_state in (("quarantined", table.quarantined), ("skipped", table.skipped))
        for day, reason in sorted(of_state.items())
    ]
    for line in days[:SHOWN]:
        _print(console, line)
    if len(days) > SHOWN:
        _print(console, f"… and {len(days) - SHOWN} more days")
    purpose, command = summary.next_step
    _print(console, f"Next, {purpose}: [bold]{escape(command)}[/bold]")


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)
