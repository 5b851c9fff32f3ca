"""What verifying every read costs, as a share of a scoring run on six weeks of real flights.

python -m benchmarks.verified_reads [--home FOLDER]    FOLDER: kept and used again
"""

import argparse
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ml_assets.definitions import project_definitions
from ml_assets.lake import store
from ml_assets_tests.prepared import assets, build_champion, build_features, opened
from ml_assets_tests.project import overridden

BUDGET_SHARE = 0.10
FIRST, DAYS = 4, 8
"""Scored are days of February 2013, each in a run of its own."""


def main() -> int:
    """Measure, print the table, end with 1 when verifying is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--home", type=Path)
    given = parser.parse_args().home
    os.environ["ML_ASSETS_PIPELINES"] = overridden()
    with TemporaryDirectory() as folder:
        built = given or Path(folder) / "champion"
        definitions = project_definitions()
        if not built.exists():
            features = Path(folder) / "features"
            build_features(features, definitions)
            build_champion(built, definitions, features)
        shutil.copytree(built, Path(folder) / "home")
        with opened(Path(folder) / "home", definitions) as project:
            shares, runs = [], []
            for number in range(FIRST, FIRST + DAYS):
                spent = _Spent()
                started = time.perf_counter()
                with spent.counting():
                    done = project.materialize(assets("predictions"), f"2013-02-{number:02}")
                runs.append(time.perf_counter() - started)
                shares.append(spent.seconds / runs[-1])
                assert done.succeeded, done.failed_steps
    share = statistics.median(shares)
    print("| what | value | budget |\n| --- | --- | --- |")
    print(f"| a scoring run of one day, s | {statistics.median(runs):.2f} | |")
    print(f"| of it verifying rows, lake and ledger | {share:.1%} | {BUDGET_SHARE:.0%} |")
    return int(share > BUDGET_SHARE)


class _Spent:
    """Seconds that were spent in the functions that verify."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def counting(self) -> "_Patched":
        return _Patched(
            {"damage": self._timed(store.damage), "confirm": self._timed(store.confirm)}
        )

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                self.seconds += time.perf_counter() - started

        return timed


class _Patched:
    """Other functions in place of some of the lake's."""

    def __init__(self, functions: dict[str, Callable[..., Any]]) -> None:
        self._functions = functions
        self._before = {name: getattr(store, name) for name in functions}

    def __enter__(self) -> None:
        for name, function in self._functions.items():
            setattr(store, name, function)

    def __exit__(self, *_: object) -> None:
        for name, function in self._before.items():
            setattr(store, name, function)


if __name__ == "__main__":
    sys.exit(main())
