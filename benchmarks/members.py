"""Time of a request to an ensemble of three models, beside a request to one of them.

python -m benchmarks.members [--data FOLDER] [--seconds 3] [--rounds 10]    FOLDER: with a champion of each pipeline below

One service answers for all of them. One client asks them in turn, a few seconds each, so that other work on the
machine costs all of them the same. Requests, API keys and the prediction log are those of ``benchmarks.serving``.
"""

import argparse
import shutil
import statistics
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.http_load import Load, Plan, measure
from benchmarks.serving import FEATURES, LAST_DAY, NOT_COPIED, WARM_UP_SECONDS, requests_of, service
from ml_assets.serving.keys import ApiKeys
from ml_assets.serving.served import ServedPipeline
from ml_assets.settings import Settings
from ml_assets.workspace import Workspace

MEMBERS = ("flight_delays", "flight_forest", "flight_linear")
ENSEMBLE = "flight_ensemble"
AN_HOUR = timedelta(hours=1)
"""After the beginning of the demo's last day the weather is known, so that no member is left out by the route."""

BUDGET = 2.0
"""Times the reference model, the first of the members."""


def main() -> int:
    """Measure, print the table, end with 1 when the budget is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    names = (*MEMBERS, ENSEMBLE)
    with TemporaryDirectory(dir=given.data.parent, prefix="benchmark-") as folder:
        home = Path(folder) / "data"
        shutil.copytree(given.data, home, ignore=shutil.ignore_patterns(*NOT_COPIED))
        workspace = Workspace(Settings(data=home))
        day = workspace.lake.days_stored(FEATURES)[-1]
        rows = workspace.lake.read(FEATURES, [day])
        at = ServedPipeline.of(ENSEMBLE).calendar.bounds(LAST_DAY)[0] + AN_HOUR
        _, key = ApiKeys(workspace.settings.ledger_url).create("benchmark", names, None)
        headers = {"Authorization": f"Bearer {key}"}
        with service(home, names) as server:
            plans = {
                name: Plan(server.port, 1, given.seconds, requests_of(name, rows, day, headers, at))
                for name in names
            }
            loads: dict[str, list[Load]] = {name: [] for name in names}
            for plan in plans.values():
                measure(replace(plan, seconds=WARM_UP_SECONDS))
            for _ in range(given.rounds):
                for name, plan in plans.items():
                    loads[name].append(measure(plan))
    return _told(loads)


def _told(loads: dict[str, list[Load]]) -> int:
    p50 = {name: statistics.median(each.p50 for each in found) for name, found in loads.items()}
    errors = sum(sum(each.errors.values()) for found in loads.values() for each in found)
    print("| pipeline | p50, ms | of the rounds | the ensemble, times it |")
    print("| --- | --- | --- | --- |")
    for name, found in loads.items():
        rounds = [each.p50 for each in found]
        ratio = statistics.median(
            ours.p50 / theirs.p50 for ours, theirs in zip(loads[ENSEMBLE], found, strict=True)
        )
        print(
            f"| {name} | {p50[name]:.2f} | {min(rounds):.2f} to {max(rounds):.2f} | {ratio:.2f} |"
        )
    holds = p50[ENSEMBLE] <= BUDGET * p50[MEMBERS[0]] and not errors
    print(
        f"\nBudget: {BUDGET:g} times {MEMBERS[0]}, no error ({errors}): {'holds' if holds else 'exceeded'}."
    )
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
