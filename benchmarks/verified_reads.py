"""What verifying every read costs, as a share of a scoring run on six weeks of real flights.

python -m benchmarks.verified_reads [--home FOLDER]    FOLDER: kept and used again
"""

import argparse
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from ml_assets import workspace
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
            [
                (store, "damaged_days", self._timed(store.damaged_days)),
                (workspace, "confirm", self._timed(workspace.confirm)),
            ]
        )

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds += time.perf_counter() - started

        return timed


class _Patched:
    """Other functions in place of some of a module's: module, name and function of each."""

    def __init__(self, functions: Sequence[tuple[ModuleType, str, Callable[..., Any]]]) -> None:
        self._functions = functions
        self._before = [(module, name, getattr(module, name)) for module, name, _ in functions]

    def __enter__(self) -> None:
        for module, name, function in self._functions:
            setattr(module, name, function)

    def __exit__(self, *_: object) -> None:
        for module, name, function in self._before:
            setattr(module, name, function)


if __name__ == "__main__":
    sys.exit(main())
