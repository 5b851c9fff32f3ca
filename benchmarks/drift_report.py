"""A drift report of 30 days and 22 features from stored profiles, reading their JSON included.

python -m benchmarks.drift_report [--repeat 9]
"""

import argparse
import statistics
import sys
import time

import numpy as np
import pandas as pd

from ml_assets.content import DAY
from ml_assets.monitoring.drift import drift_report, reference_profile
from ml_assets.monitoring.profile import daily_profiles, reference_from_rows, to_rows

BUDGET_SECONDS = 0.05
FEATURES = [f"feature_{number}" for number in range(22)]
ROWS_A_DAY = 900
AS_OF = "2013-04-01"


def main() -> int:
    """Measure, print the table, end with 1 when the report is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeat", type=int, default=9)
    repeat = parser.parse_args().repeat
    reference = reference_profile(rows("2013-01-01", 90), FEATURES, [], 30)
    bins = [whole.bins for whole in reference_from_rows(reference)]
    month = rows("2013-04-01", 30)
    profiles = to_rows(*daily_profiles(month, bins), AS_OF)
    report = [
        seconds(
            lambda: drift_report(
                reference, profiles, {}, day="2013-04-30", reference=AS_OF, min_rows=400
            )
        )
        for _ in range(repeat)
    ]
    one_day = month[month[DAY] == "2013-04-30"]
    day = [seconds(lambda: to_rows(*daily_profiles(one_day, bins), AS_OF)) for _ in range(repeat)]
    median = statistics.median(report)
    print("| what | ms | budget |\n| --- | --- | --- |")
    print(
        f"| report of 30 days × 22 features | {median * 1000:.1f} | {BUDGET_SECONDS * 1000:.0f} |"
    )
    print(f"| profile of one day of {ROWS_A_DAY} rows | {statistics.median(day) * 1000:.1f} | |")
    return int(median > BUDGET_SECONDS)


def rows(first: str, days: int) -> pd.DataFrame:
    """Random features, a tenth of them missing, of some days."""
    random = np.random.default_rng(0)
    dates = pd.date_range(first, periods=days).strftime("%Y-%m-%d").repeat(ROWS_A_DAY)
    values = random.normal(size=(len(dates), len(FEATURES)))
    values[random.random(values.shape) < 0.1] = np.nan
    return pd.DataFrame(values, columns=FEATURES).assign(**{DAY: dates})


def seconds(call: object) -> float:
    """Wall time of a call."""
    started = time.perf_counter()
    call()  # type: ignore[operator]
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
