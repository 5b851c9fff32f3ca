"""Orchestration of a range run: 6 chained assets × 365 days, whose bodies do nothing.

Both sides run through Dagster's own command line, each in a fresh home of its own: ours with the
repository's ``dagster.yaml``, our tables, a data version and a check result for every day; stock
Dagster with its default storage, one data version and one check result for the whole range.

    python -m benchmarks.range_run [--days 365] [--only ours|stock] [--repeat 1] [--profile FILE]
"""

import argparse
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST = date(2013, 1, 1)
ASSETS = 6
BUDGET_SECONDS = 12.0
SIDES = ("ours", "stock")


def main() -> int:
    """Run both sides, print the table, end with 1 when ours is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--days", type=int, default=365, choices=range(2, 366), metavar="2…365")
    parser.add_argument("--only", choices=SIDES)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--profile", type=Path, help="write a cProfile of ours there")
    options = parser.parse_args()
    sides = [options.only] if options.only else list(SIDES)
    seconds = {
        side: statistics.median(
            run(side, options.days, options.profile) for _ in range(options.repeat)
        )
        for side in sides
    }
    print(report(seconds, options.days))
    return int(seconds.get("ours", 0.0) > BUDGET_SECONDS)


def run(side: str, days: int, profile: Path | None = None) -> float:
    """Seconds of wall time of one whole command in a fresh home."""
    with tempfile.TemporaryDirectory(prefix=f"range-run-{side}-") as folder:
        home = Path(folder)
        if side == "ours":
            shutil.copy(ROOT / "dagster.yaml", home)
        else:
            (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
        last = FIRST + timedelta(days=days - 1)
        profiled = ["-m", "cProfile", "-o", str(profile)] if profile and side == "ours" else []
        command = [
            sys.executable, *profiled, "-m", "dagster", "asset", "materialize", "--select", "*",
            "--partition-range", f"{FIRST}...{last}", "-m", f"benchmarks.range_run_{side}",
        ]  # fmt: skip
        started = time.perf_counter()
        result = subprocess.run(
            command,
            cwd=home,
            env=environment(side, home),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - started
        if result.returncode:
            raise RuntimeError(f"the run of {side} failed:\n{result.stdout[-4000:]}")
        check_stored(home, side, days)
    return seconds


def environment(side: str, home: Path) -> Mapping[str, str]:
    """The environment of a command: nothing of this machine's Dagster or of our settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DAGSTER_", "ML_ASSETS_"))
    }
    ours = {
        "DAGSTER_EVENT_BATCH_SIZE": "500",
        "ML_ASSETS_DATA": str(home / "data"),
        "ML_ASSETS_COMPUTE_LOGS": str(home / "data" / "compute_logs"),
    }
    return {
        **inherited,
        **(ours if side == "ours" else {}),
        "DAGSTER_HOME": str(home),
        "PYTHONPATH": str(ROOT),
    }


def check_stored(home: Path, side: str, days: int) -> None:
    """A run that left something out would be fast for nothing."""
    (index,) = home.rglob("index.db")
    with closing(sqlite3.connect(index)) as connection:
        (materialized,) = connection.execute(
            "SELECT count(*) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'"
        ).fetchone()
        (judged,) = connection.execute(
            "SELECT count(*) FROM asset_check_executions WHERE execution_status = 'SUCCEEDED'"
        ).fetchone()
    expected = ASSETS * days, ASSETS * days if side == "ours" else ASSETS
    if (materialized, judged) != expected:
        raise RuntimeError(
            f"{side} stored {materialized} materializations and {judged} check results, "
            f"expected {expected[0]} and {expected[1]}."
        )


def report(seconds: Mapping[str, float], days: int) -> str:
    """The table as Markdown."""
    ours = seconds.get("ours")
    rows = [
        f"| {side} | {value:.1f} | {value / ours:.1f} × |"
        if ours
        else f"| {side} | {value:.1f} | |"
        for side, value in seconds.items()
    ]
    head = f"| {ASSETS} assets × {days} days, whole command | seconds | ratio |"
    return "\n".join([head, "| --- | --- | --- |", *rows, f"Budget of ours: {BUDGET_SECONDS} s."])


if __name__ == "__main__":
    sys.exit(main())
