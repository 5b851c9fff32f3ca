"""The summary of a demo, and its record in ``data/demo.json``."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape

from ml_assets.commands.shared import plain_table
from ml_assets.content import digest
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.orchestration.assets.dead_letters import dead_letters_of


@dataclass
class Stage:
    """One stage of a demo and what it took.

    Attributes:
        name: its name.
        seconds: how long it took.
        peak_mib: largest memory of its process so far, MiB.
    """

    name: str
    seconds: float
    peak_mib: int

    def __str__(self) -> str:
        return f"{self.name}: {self.seconds} s, peak {self.peak_mib} MiB"


@dataclass
class Summary:
    """The results of a demo, as they are written to ``data/demo.json``."""

    stages: list[Stage] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    dead_letters: dict[str, int] = field(default_factory=dict)
    not_stored: list[dict[str, str]] = field(default_factory=list)
    runs: dict[str, int] = field(default_factory=dict)
    policies: list[dict[str, Any]] = field(default_factory=list)
    unexpected_failures: dict[str, str] = field(default_factory=dict)

    def add(self, stage: Stage, failures: Mapping[str, str]) -> None:
        """Add a stage and what failed in it."""
        self.stages.append(stage)
        self.unexpected_failures |= failures


def describe(summary: Summary, lake: Lake, tables: Sequence[str]) -> None:
    """Add what is stored of some tables to a summary."""
    for table in tables:
        entries = lake.ledger.latest(table)
        stored = [entry for entry in entries.values() if entry.status is Status.STORED]
        summary.tables.append(
            {
                "table": table,
                "days": len(stored),
                "rows": sum(entry.rows for entry in stored),
                "dead_letters": sum(entry.dead_letters for entry in entries.values()),
                "data_versions": len({entry.content_hash for entry in stored}),
                "last_version": stored[-1].content_hash if stored else "",
                "version_of_all": _version_of_all(stored),
            }
        )
        summary.not_stored += [
            {"table": table, "day": day, "state": entry.status.value, "reason": entry.reason}
            for day, entry in sorted(entries.items())
            if entry.status is not Status.STORED
        ]
        summary.dead_letters |= _rules(lake, table)


def _version_of_all(stored: Sequence[Entry]) -> str:
    return digest(*(f"{entry.day}={entry.content_hash}" for entry in sorted(stored, key=_day)))


def _day(entry: Entry) -> str:
    return entry.day


def _rules(lake: Lake, table: str) -> dict[str, int]:
    name = dead_letters_of(table)
    if not lake.exists(name):
        return {}
    rules = lake.read(name)["rule"].str.split("; ").explode()
    return {f"{table}: {rule}": count for rule, count in Counter(rules).items()}


def print_demo(summary: Summary, console: Console) -> None:
    """Print tables, dead letters and days that are not stored."""
    tables = plain_table("table", "days", "rows", "dead letters", "versions", "version of all days")
    for row in summary.tables:
        tables.add_row(
            row["table"],
            str(row["days"]),
            f"{row['rows']:,}",
            str(row["dead_letters"]),
            str(row["data_versions"]),
            row["version_of_all"],
        )
    console.print(tables)
    for rule, count in summary.dead_letters.items():
        console.print(f"Dead letters: {count} × {rule}", highlight=False)
    for item in summary.not_stored:
        console.print(
            f"[yellow]{item['state']}[/yellow] {item['table']} {item['day']}: {escape(item['reason'])}",
            highlight=False,
        )


def print_answer(
    request: Mapping[str, str | int], answer: LoggedPrediction, console: Console
) -> None:
    """Print how a request for a prediction was answered."""
    flight = "{carrier} {flight} from {origin} to {dest}".format_map(request)
    ages = ", ".join(
        f"{table.rpartition('/')[2]} {'unknown' if age is None else f'{age / 3600:.1f} h'}"
        for table, age in answer.ages.items()
    )
    stale = f" Stale: {', '.join(answer.stale)}." if answer.stale else ""
    console.print(
        f"A request about {flight} at {request['departs_at']}, which is in no table, was answered in "
        f"{answer.latency_ms:.0f} ms: {answer.prediction['prediction']:.1%} likely to be late, by the model "
        f"as of {answer.model_as_of}. Age of the looked-up values: {ages}.{stale}",
        highlight=False,
    )


def print_next(summary: Summary, last: str, console: Console) -> None:
    """Print what failed, and what a newcomer may do next."""
    for step, message in summary.unexpected_failures.items():
        console.print(f"[red]FAILED[/red] {step}: {escape(message)}", highlight=False)
    has_bad_day = any(item["day"] == last for item in summary.not_stored)
    console.print(
        "What to look at next:\n"
        "  ml-assets status\n"
        "      the champion, releases that wait for a person, and the next command\n"
        "  ml-assets ui\n"
        "      lineage from sources to decisions, and why each model was released\n"
        + (f"      (red: {last}, whose weather the source does not have)\n" if has_bad_day else "")
        + "  ml-assets checks\n"
        "      every check on the stored days\n"
        "  ml-assets impact sources/flights --partition 2013-04-15\n"
        "      the days, models and predictions that used that day\n"
        "  ml-assets serve --replay\n"
        "      predictions on request: README.md has one to try\n"
        "  make demo\n"
        "      once more: nothing changed, so nothing is computed again",
        highlight=False,
    )
