"""One run over many partitions: the same readings by day and by hour, through a source and a feature table.

Each cadence is measured in a process and a folder of its own: CPU seconds of the run, and peak memory.

    python -m benchmarks.hours [--days 364] [--only daily|hourly] [--hashes]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd

from ml_assets.content import DAY, digest
from ml_assets.orchestration.runs.runs import silence_notices
from ml_assets_tests.components.cadences_test import PIPELINE, WHERE, Series, write
from ml_assets_tests.components.shop import definitions
from ml_assets_tests.prepared import new_home, opened

FIRST = date(2021, 1, 1)
READINGS_PER_DAY, METERS = 48, 4
CADENCES = ("daily", "hourly")
RATIO_BUDGET, MEMORY_BUDGET = 1.0, 1.25
"""Of an hour against a day: CPU of each partition, and peak memory."""


@dataclass(frozen=True)
class Measured:
    """What one run took.

    Attributes:
        partitions: partitions of each of its two tables.
        seconds: CPU time of the run.
        mib: peak memory of its process.
        start_mib: memory before the run.
        hashes: digest over the content hashes of all partitions.
    """

    partitions: int
    seconds: float
    mib: int
    start_mib: int
    hashes: str


def features(days: Sequence[str], *, readings: pd.DataFrame) -> pd.DataFrame:
    """Feature function: the mean of the two readings of the same meter before.

    It does not depend on how much is before them, as a rolling sum does in its last digits.
    """
    ordered = readings.sort_values("at")
    by_meter = ordered.groupby("meter")["used"]
    found = ordered.assign(before=(by_meter.shift(1) + by_meter.shift(2)) / 2)
    return found.loc[found[DAY].isin(days), [DAY, "meter", "at", "warmth", "before"]]


def main() -> int:
    """Measure, print the table, end with 1 when a budget is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--days", type=int, default=364)
    parser.add_argument("--only", choices=CADENCES)
    parser.add_argument("--child", choices=CADENCES, help=argparse.SUPPRESS)
    parser.add_argument("--hashes", action="store_true", help="print a digest of the data versions")
    options = parser.parse_args()
    if options.child:
        print(json.dumps(vars(run(options.child, options.days))))
        return 0
    cadences = [options.only] if options.only else list(CADENCES)
    found = {cadence: measure(cadence, options.days) for cadence in cadences}
    print("| partitions | CPU seconds | ms for each | peak MiB | before the run |")
    print("| --- | --- | --- | --- | --- |")
    for cadence, one in found.items():
        each = 1000 * one.seconds / one.partitions
        print(
            f"| {one.partitions} {cadence} | {one.seconds:.1f} | {each:.1f} | {one.mib} | {one.start_mib} |"
        )
        if options.hashes:
            print(f"Data versions of {cadence}: {one.hashes}")
    if options.only:
        return 0
    daily, hourly = found.values()
    ratio = hourly.seconds / hourly.partitions / (daily.seconds / daily.partitions)
    memory = hourly.mib / daily.mib
    print(f"An hour takes {ratio:.2f} × the CPU of a day (budget {RATIO_BUDGET}),")
    print(
        f"the run over hours {memory:.2f} × the memory of that over days (budget {MEMORY_BUDGET})."
    )
    return int(ratio > RATIO_BUDGET or memory > MEMORY_BUDGET)


def measure(cadence: str, days: int) -> Measured:
    """The run of a cadence in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.hours", "--child", cadence, "--days", str(days)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"the {cadence} run failed:\n{result.stderr[-4000:]}")
    return Measured(**json.loads(result.stdout.splitlines()[-1]))


def run(cadence: str, days: int) -> Measured:
    """The run of a cadence in this process."""
    silence_notices()
    last = FIRST + timedelta(days=days - 1)
    limits = f'{{first: "{FIRST}", last: "{last}", cadence: {cadence}}}'
    start = datetime(FIRST.year, FIRST.month, FIRST.day)
    moments = [
        start + n * timedelta(days=1) / READINGS_PER_DAY for n in range(days * READINGS_PER_DAY)
    ]
    both = "---".join(PIPELINE.split("---")[:2])
    own = both.replace("{where}.features", "benchmarks.hours.features")
    text = own.format(where=WHERE, days=limits, look_back="6h" if cadence == "hourly" else "1d")
    hours = ("-00:00", "-23:00") if cadence == "hourly" else ("", "")
    with tempfile.TemporaryDirectory(prefix="hours-") as folder:
        home = new_home(Path(folder) / "home")
        write(home / "data" / "source.db", Series(limits, moments, METERS, "", "", ""))
        with opened(home, definitions(home / "defs", text)) as project:
            start_mib, started = peak(), time.process_time()
            outcome = project.materialize("*", f"{FIRST}{hours[0]}...{last}{hours[1]}")
            seconds = time.process_time() - started
            if not outcome.succeeded:
                raise RuntimeError(str(outcome.failed_steps))
            found = project.versions("meters/readings", "meters/features")
    lines = [f"{table} {day} {content}" for (table, day), content in sorted(found.items())]
    return Measured(len(found) // 2, seconds, peak(), start_mib, digest(*lines))


def peak() -> int:
    """Peak memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
