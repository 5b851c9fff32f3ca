"""``make bench``: every benchmark in turn; ends with 1 when a budget is exceeded."""

import sys

from benchmarks import (
    drift_report,
    hours,
    load_time,
    many_pipelines,
    pages,
    prediction_log,
    range_run,
    scorer,
    verified_reads,
    year,
)

if __name__ == "__main__":
    results = []
    for module in (
        load_time,
        many_pipelines,
        drift_report,
        pages,
        scorer,
        prediction_log,
        range_run,
        hours,
        verified_reads,
        year,
    ):
        print(f"\n## {module.__name__.removeprefix('benchmarks.')}\n")
        results.append(module.main())
    sys.exit(max(results))
