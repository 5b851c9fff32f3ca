"""What verifying every read costs, as a share of a scoring run on six weeks of real flights.

Counted are the files of tables, the rows that are hashed, and lake against ledger. Beside it stands the
share with the champion's release, registry and model, which are read only to be verified.

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
from ml_assets.components.batch_predictions import predictions
from ml_assets.definitions import project_definitions
from ml_assets.lake import integrity, store
from ml_assets.learning import artifacts
from ml_assets_tests.prepared import assets, build_champion, build_features, opened
from ml_assets_tests.project import overridden

BUDGET_SHARE = 0.10
FIRST, DAYS = 4, 8
"""Scored are days of February 2013, each in a run of its own."""

ROWS = [
    (store, "damaged_days"),
    (integrity, "damaged_days"),
    (integrity, "hashes_as_stored"),
    (workspace, "confirm"),
]
RELEASE = [
    (predictions, "release_facts"),
    (predictions, "confirm_champion"),
    (artifacts, "_altered"),
    (artifacts, "fingerprint"),
]
"""Functions that verify, in the modules that call them."""


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
            shares, of_rows, runs = [], [], []
            for number in range(FIRST, FIRST + DAYS):
                spent, on_rows = _Spent(), _Spent()
                started = time.perf_counter()
                with on_rows.counting(ROWS), spent.counting([*ROWS, *RELEASE]):
                    done = project.materialize(assets("predictions"), f"2013-02-{number:02}")
                runs.append(time.perf_counter() - started)
                shares.append(spent.seconds / runs[-1])
                of_rows.append(on_rows.seconds / runs[-1])
                assert done.succeeded, done.failed_steps
    share = statistics.median(of_rows)
    print("| what | value | budget |\n| --- | --- | --- |")
    print(f"| a scoring run of one day, s | {statistics.median(runs):.2f} | |")
    print(f"| of it verifying rows, lake and ledger | {share:.1%} | {BUDGET_SHARE:.0%} |")
    print(f"| the same and the champion's release and model | {statistics.median(shares):.1%} | |")
    return int(share > BUDGET_SHARE)


class _Spent:
    """Seconds that were spent in functions that verify; in one inside another they count once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0

    def counting(self, functions: Sequence[tuple[ModuleType, str]]) -> "_Patched":
        return _Patched(
            [(module, name, self._timed(getattr(module, name))) for module, name in functions]
        )

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            self._depth += 1
            try:
                return function(*arguments, **options)
            finally:
                self._depth -= 1
                if not self._depth:
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
