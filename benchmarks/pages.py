"""The page of a year: a pipeline with 22 features, read from its lake and rendered.

python -m benchmarks.pages [--days 365]
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from ml_assets.alerts.log import AlertLog
from ml_assets.lake.store import Lake
from ml_assets.ledger.ledger import Ledger
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.reports.pages.library import library
from ml_assets.reports.pages.loading import load_pages
from ml_assets.reports.pages.page import pages_of
from ml_assets_tests.reports.pages import world

T = TypeVar("T")

BUDGET_SECONDS, BUDGET_MEGABYTES = 3.0, 3.0


def main() -> int:
    """Measure, print the table, end with 1 when a page is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--days", type=int, default=365)
    days = parser.parse_args().days
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'ledger.db'}"
        lake = Lake(str(Path(folder) / "lake"), Ledger(url))
        world.write(lake, world.tables(days))
        state, loading = measured(lambda: load_pages(lake, ApprovalLog(url), AlertLog(url)))
        script, bundling = measured(lambda: library(Path(folder)))
        script, reading = measured(lambda: library(Path(folder)))
        pages, first = measured(lambda: pages_of(state, script))
        _, again = measured(lambda: pages_of(state, script))
    size = len(pages[f"{world.PIPELINE}.html"].encode()) / 2**20
    print(f"{days} days × {len(world.COUNTED)} features, CPU seconds:\n")
    print("| what | CPU seconds or MB | budget |\n| --- | --- | --- |")
    print(f"| read what all pages show | {loading:.2f} | |")
    print(f"| read the library that draws the charts | {reading:.2f} | |")
    print(f"| render the first page of a process | {first:.2f} | |")
    print(f"| all three | {loading + reading + first:.2f} | {BUDGET_SECONDS:.0f} |")
    print(f"| render it again | {again:.2f} | |")
    print(f"| bundle the library, once for each of its versions | {bundling:.2f} | |")
    print(f"| size of the page, MB | {size:.2f} | {BUDGET_MEGABYTES:.0f} |")
    return int(loading + reading + first > BUDGET_SECONDS or size > BUDGET_MEGABYTES)


def measured(call: Callable[[], T]) -> tuple[T, float]:
    """The result of a call, and the CPU seconds that it took."""
    started = time.process_time()
    found = call()
    return found, time.process_time() - started


if __name__ == "__main__":
    sys.exit(main())
