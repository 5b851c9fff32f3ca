"""Drift reports of 30 and 365 days and 22 features from stored profiles, reading their JSON included.

Beside them stand the exact distances of the same rows by scipy: KS and Wasserstein of each feature.

python -m benchmarks.drift_report [--repeat 9]
"""

import argparse
import statistics
import sys
import time

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp, wasserstein_distance

from ml_assets.content import DAY
from ml_assets.monitoring.drift import drift_report, reference_profile
from ml_assets.monitoring.profile import daily_profiles, reference_from_rows, to_rows

BUDGETS = {30: 0.05, 365: 0.15}
"""Days of a report → seconds."""

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
    exact_reference = rows("2013-01-01", 90)
    print("| what | ms | budget |\n| --- | --- | --- |")
    is_over = False
    for days, budget in BUDGETS.items():
        report, of_rows, count = measured(reference, bins, exact_reference, days, repeat)
        print(
            f"| report of {days} days × 22 features | {report * 1000:.1f} | {budget * 1000:.0f} |"
        )
        print(f"| … exact, by scipy on {count:,} rows | {of_rows * 1000:,.0f} | |")
        is_over = is_over or report > budget
    one_day = rows("2013-04-30", 1)
    day = median(lambda: to_rows(*daily_profiles(one_day, bins), AS_OF), repeat)
    print(f"| profile of one day of {ROWS_A_DAY} rows | {day * 1000:.1f} | |")
    return int(is_over)


def measured(
    reference: pd.DataFrame, bins: list, exact_reference: pd.DataFrame, days: int, repeat: int
) -> tuple[float, float, int]:
    """Seconds of a report from profiles, seconds from the rows, and the number of rows."""
    newest = rows("2013-04-01", days)
    profiles, last = to_rows(*daily_profiles(newest, bins), AS_OF), newest[DAY].max()

    def report() -> object:
        return drift_report(reference, profiles, {}, day=last, reference=AS_OF, min_rows=400)

    of_rows = median(lambda: exact(exact_reference, newest), 1)
    return median(report, repeat), of_rows, len(newest)


def exact(reference: pd.DataFrame, newest: pd.DataFrame) -> list[float]:
    """KS and Wasserstein distance of each feature, from all values."""
    found = []
    for name in FEATURES:
        one, other = (rows[name].dropna().to_numpy() for rows in (reference, newest))
        found += [ks_2samp(one, other, method="asymp").statistic, wasserstein_distance(one, other)]
    return found


def rows(first: str, days: int) -> pd.DataFrame:
    """Random features, a tenth of them missing, of some days."""
    random = np.random.default_rng(0)
    dates = pd.date_range(first, periods=days).strftime("%Y-%m-%d").repeat(ROWS_A_DAY)
    values = random.normal(size=(len(dates), len(FEATURES)))
    values[random.random(values.shape) < 0.1] = np.nan
    return pd.DataFrame(values, columns=FEATURES).assign(**{DAY: dates})


def median(call: object, repeat: int) -> float:
    """Median of the CPU times of some calls."""
    return statistics.median(seconds(call) for _ in range(repeat))


def seconds(call: object) -> float:
    """CPU time of a call: other processes of a shared machine do not count."""
    started = time.process_time()
    call()  # type: ignore[operator]
    return time.process_time() - started


if __name__ == "__main__":
    sys.exit(main())
