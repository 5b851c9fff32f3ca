"""The year through sources and features against a plain pandas script, and one more day.

python -m benchmarks.year
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.range_run import ROOT
from ml_assets.defs.sources.load import SourceSystems, load
from ml_assets.environment import lines

YEAR_BUDGET, DAY_BUDGET, MEMORY_BUDGET_MIB = 3.0, 1.2, 1536
DAILY = (
    'key:"sources/flights" or key:"sources/weather" or key:"flight_delays/flight_features" or '
    'key:"flight_delays/flight_outcomes"'
)
"""The tables that the plain script computes."""
DICTIONARIES = 'key:"sources/planes" or key:"sources/airports"'
REPEATS = 3


def main() -> int:
    """Measure, print the table, end with 1 when a budget is exceeded."""
    with tempfile.TemporaryDirectory(prefix="year-") as folder:
        home = Path(folder)
        prepare(home)
        plain = timed([sys.executable, "-m", "benchmarks.year_plain", *_paths(home)], ROOT)
        materialize(home, DICTIONARIES)
        month_day, month = after(home, "2013-01-01...2013-01-30", "2013-01-31")
        year_day, year = after(home, "2013-01-01...2013-12-30", "2013-06-15")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print("| what | seconds | ratio | budget |\n| --- | --- | --- | --- |")
    print(f"| the year, plain pandas script | {plain:.1f} | | |")
    print(
        f"| the year through sources and features | {year:.1f} | {year / plain:.1f} | {YEAR_BUDGET} |"
    )
    print(f"| one day with a month behind it | {month_day:.1f} | | |")
    ratio = year_day / month_day
    print(f"| one day with a year behind it | {year_day:.1f} | {ratio:.2f} | {DAY_BUDGET} |")
    print(f"Largest process: {peak} MiB (budget {MEMORY_BUDGET_MIB}). A month took {month:.1f} s.")
    return int(year / plain > YEAR_BUDGET or ratio > DAY_BUDGET or peak > MEMORY_BUDGET_MIB)


def prepare(home: Path) -> None:
    """A project folder of its own with the whole source database."""
    shutil.copy(ROOT / "dagster.yaml", home)
    (home / ".env").write_text("\n".join(lines(home)) + "\n", encoding="utf-8")
    load(SourceSystems.below(home / "data"), lambda table, done, total: None)


def after(home: Path, history: str, day: str) -> tuple[float, float]:
    """Median seconds of computing one changed day with a history, and seconds of the history."""
    of_history = materialize(home, DAILY, "--partition-range", history)
    of_day = []
    for _ in range(REPEATS):
        touch(home, day)
        of_day.append(materialize(home, DAILY, "--partition", day))
    return statistics.median(of_day), of_history


def touch(home: Path, day: str) -> None:
    """Change the day's rows, so that it has to be computed."""
    import sqlite3

    year, month, number = map(int, day.split("-"))
    with sqlite3.connect(home / "data" / "source.db") as connection:
        connection.execute(
            "UPDATE flights SET distance = distance + 1 WHERE year = ? AND month = ? AND day = ?",
            (year, month, number),
        )


def materialize(home: Path, selection: str, *partition: str) -> float:
    """Seconds of Dagster's own command; a failing check of a bad day does not end it."""
    dagster = str(Path(sys.executable).with_name("dagster"))
    command = [dagster, "asset", "materialize", "-m", "ml_assets.definitions"]
    return timed([*command, "--select", selection, *partition], home, check=False)


def timed(command: Sequence[str], folder: Path, *, check: bool = True) -> float:
    """Seconds of wall time of a command."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ML_ASSETS_", "DAGSTER_"))
    }
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, env=inherited, check=check, capture_output=True)
    return time.perf_counter() - started


def _paths(home: Path) -> list[str]:
    out = home / "plain"
    out.mkdir()
    return [str(home / "data"), str(out)]


if __name__ == "__main__":
    sys.exit(main())
