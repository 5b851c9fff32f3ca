"""How often the likely cause is the one that was injected, and how often none is named where there is none.

``faults`` lists what is done to source rows. Features, predictions and labels of seven days follow from the faulty rows
by the functions of the project; contracts reject what they reject. A day that a contract quarantines is predicted
by nobody, so that its fault is counted apart. The champions are those of the policy ``triggered``.

    python -m benchmarks.causes [--days 2013-06-11 …] [--faults 5 6 …]
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from benchmarks.ensembles import dataset_of
from benchmarks.faults import FAULTS, LABEL_DAYS, LABEL_FAULTS, REPORTED, Fault, Sources
from benchmarks.forecast_ablation import ZONE, flights
from benchmarks.year_plain import ASSUMPTIONS, by_day
from ml_assets.cadence import Calendar
from ml_assets.configuration.models import pipeline
from ml_assets.content import DAY, SNAPSHOT
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.lineage import lineage
from ml_assets.contracts.validation import validate
from ml_assets.defs.flight_delays.contracts import FlightFeatures, FlightOutcomes
from ml_assets.defs.flight_delays.features import flight_features, flight_outcomes
from ml_assets.defs.sources.contracts import Airports, Flights, Planes, Weather
from ml_assets.defs.sources.load import reference_table
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.evaluation import evaluate
from ml_assets.learning.training import predict, train
from ml_assets.monitoring.causes import (
    BASE_WINDOWS,
    HISTORY_WINDOWS,
    Cause,
    causes,
    movements,
)
from ml_assets.monitoring.limits import PerformanceRules, ReportRules
from ml_assets.monitoring.rolling import performance_report
from ml_assets.release.champion import Champion

CALENDAR = Calendar(timezone=ZONE)
CHAMPIONS = ("2013-04-01", "2013-05-27", "2013-07-29", "2013-08-26")
DAYS = 7
"""Days of a fault, and of the window in which its cause is looked for."""
CONTRACTS: Mapping[str, type[Contract]] = {
    "flights": Flights,
    "weather": Weather,
    "planes": Planes,
    "airports": Airports,
}
DAILY = ("flights", "weather")
LOOK_BACK = 11
MADE_FROM = lineage(FlightFeatures, [f"sources/{table}" for table in CONTRACTS], {})
KEY = ["time_hour", "carrier", "flight"]
MOVED = 0.05
"""Kolmogorov-Smirnov distance of predictions with a fault from those without from which they have moved."""


@dataclass(frozen=True)
class Trained:
    """A champion with its evaluation."""

    champion: Champion
    model: object
    evaluation: pd.DataFrame


@dataclass(frozen=True)
class Result:
    """What was found about a fault.

    Attributes:
        day: first day of the fault.
        fault: the fault.
        found: the causes; None if a contract stopped the fault.
        shift: distance of the predictions from those without the fault.
        is_breached: whether a limit of the performance was broken.
    """

    day: str
    fault: Fault
    found: Sequence[Cause] | None
    shift: float = 0.0
    is_breached: bool = False

    @property
    def rank(self) -> int:
        """Rank of the first cause that is the culprit; 0 for none."""
        for number, cause in enumerate(self.found or (), 1):
            if any(self.fault.is_culprit(column) for column in cause.columns):
                return number
        return 0

    @property
    def is_named(self) -> bool:
        """Whether a likely cause is named."""
        return bool(self.found) and self.found[0].is_likely  # type: ignore[index]

    @property
    def is_feature(self) -> bool:
        """Whether the feature that is named is made from the culprit."""
        first = self.found[0].movement.feature if self.found else ""
        return any(self.fault.is_culprit(column) for column in MADE_FROM.get(first, ()))


def main() -> int:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--days", nargs="+", default=REPORTED)
    parser.add_argument("--faults", nargs="+", type=int, default=[*range(len(FAULTS))])
    chosen = parser.parse_args()
    print_faults([*measured(chosen.days, [FAULTS[number] for number in chosen.faults])])
    print_labels()
    return 0


@cache
def history() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features and outcomes of the year without faults."""
    return flights()


@cache
def trained(day: str) -> Trained:
    """The champion of a day."""
    as_of = max(each for each in CHAMPIONS if each <= day)
    config = pipeline("flight_delays")
    dataset = dataset_of(*history(), as_of)
    model = train(config.specification, dataset).pipeline
    held_out = dataset[dataset[SPLIT] != "train"]
    predicted = predict(config.specification, model, held_out)
    found = evaluate(config.specification, held_out, predicted, config.segments, config.evaluation)
    return Trained(Champion(as_of, as_of, 0.0, 1, as_of, "auc", as_of), model, found)


@cache
def sources() -> Sources:
    """The rows of all source tables."""
    found = {}
    for table, contract in CONTRACTS.items():
        rows = reference_table(table)
        if table in DAILY:
            rows = by_day(rows.assign(time_hour=pd.to_datetime(rows["time_hour"], utc=True)))
        else:
            rows = rows.assign(**{DAY: SNAPSHOT})
        found[table] = validate(rows, contract, sorted(rows[DAY].unique())).rows
    return found


def measured(days: Sequence[str], faults: Sequence[Fault]) -> Iterator[Result]:
    """Each fault on each day."""
    for day in days:
        last = CALENDAR.shifted(day, DAYS - 1)
        for fault in faults:
            print(f"{day} {fault.kind} of {fault.table}.{','.join(fault.columns)}", file=sys.stderr)
            rows = faulty(fault, day, last)
            computed = None if rows is None else from_sources(rows, day, last)
            if computed is None:
                yield Result(day, fault, None)
                continue
            features, outcomes = computed
            shift, is_breached = effect(features, outcomes, day, last)
            yield Result(day, fault, found_causes(features, day, last), shift, is_breached)


def faulty(fault: Fault, first: str, last: str) -> Sources | None:
    """The source rows with a fault from a day on; None if a contract quarantines one of its days."""
    random, found = np.random.default_rng(0), dict[str, pd.DataFrame]()
    for table, whole in sources().items():
        rows = whole
        if table in DAILY:
            rows = rows[rows[DAY].between(CALENDAR.shifted(first, -LOOK_BACK), last)]
        if table == fault.table:
            is_faulty = rows[DAY] >= first
            changed = fault.change(rows[is_faulty].reset_index(drop=True), random)
            if table in DAILY:
                changed = by_day(changed.drop(columns=DAY))
                changed = changed[changed[DAY].between(first, last)]
            valid = validate(changed, CONTRACTS[table], sorted(changed[DAY].unique()))
            if valid.quarantined:
                return None
            rows = pd.concat([rows[~is_faulty], valid.rows], ignore_index=True)
        found[table] = rows
    return found


def from_sources(rows: Sources, first: str, last: str) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Features and outcomes of some days; None if a contract quarantines one of them."""
    days = CALENDAR.keys(first, last)
    features = validate(
        flight_features(days, **rows, cut_hours=2, **ASSUMPTIONS), FlightFeatures, days
    )
    outcomes = flight_outcomes(
        days, flights=rows["flights"], airports=rows["airports"], **ASSUMPTIONS
    )
    if features.quarantined:
        return None
    return features.rows, validate(outcomes, FlightOutcomes, days).rows


def found_causes(features: pd.DataFrame, first: str, last: str) -> list[Cause]:
    """The causes of a breach in the days of some features, with the history before them."""
    past, _ = history()
    rows = pd.concat([past[past[DAY] < first], features], ignore_index=True)
    specification = pipeline("flight_delays").specification
    moved = movements(
        specification, rows, (first, last), BASE_WINDOWS * DAYS, HISTORY_WINDOWS * DAYS
    )
    return causes(moved, MADE_FROM)


def effect(
    features: pd.DataFrame, outcomes: pd.DataFrame, first: str, last: str
) -> tuple[float, bool]:
    """How far the predictions of some days moved, and whether a limit is broken at their end."""
    past, known = history()
    is_here = past[DAY].between(first, last)
    report = reported(past[(past[DAY] < first)], features, known, outcomes, last)
    shift = ks_distance(scores(past[is_here], first), scores(features, first))
    return shift, bool(report["is_breached"].any())


def scores(features: pd.DataFrame, day: str) -> np.ndarray:
    """Predictions of the champion of a day."""
    return predict(pipeline("flight_delays").specification, trained(day).model, features)  # type: ignore[arg-type]


def ks_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Largest difference of two distributions."""
    at = np.sort(np.concatenate([one, other]))
    both = (np.searchsorted(np.sort(each), at, "right") / len(each) for each in (one, other))
    first, second = both
    return float(np.abs(first - second).max())


def reported(
    past: pd.DataFrame,
    features: pd.DataFrame,
    known: pd.DataFrame,
    outcomes: pd.DataFrame,
    last: str,
) -> pd.DataFrame:
    """The performance report of a day: the past as it was, and the features and outcomes of its last days."""
    config = pipeline("flight_delays")
    champion = trained(last).champion
    rules = ReportRules(
        CALENDAR, DAYS, 4, config.segments, config.evaluation, PerformanceRules(), 0.03
    )
    first = max(CALENDAR.shifted(last, 1 - rules.longest), champion.as_of)
    rows = pd.concat([past[past[DAY] >= first], features], ignore_index=True)
    predictions = rows[[DAY, *KEY, "origin"]].assign(
        prediction=scores(rows, last),
        prediction_id=rows["time_hour"].astype("str")
        + rows["carrier"]
        + rows["flight"].astype("str"),
        model_version=champion.fingerprint,
        is_late=False,
    )
    begin = features[DAY].min()
    arrived = pd.concat([known[known["flight_day"] < begin], outcomes], ignore_index=True)
    labels = predictions.merge(arrived[[*KEY, "late"]], on=KEY).rename(
        columns={DAY: "prediction_day", "late": "label"}
    )
    return performance_report(
        config.specification,
        predictions,
        labels.assign(**{DAY: last}),
        trained(last).evaluation,
        champion,
        rules,
        day=last,
    )


def print_faults(results: Sequence[Result]) -> None:
    """Print what was found about faults, by kind."""
    reached = [each for each in results if each.found is not None]
    print(f"{len(results)} faults, {len(results) - len(reached)} stopped by a contract\n")
    print(
        "| faults | number | named | culprit first | among the first three | feature of the culprit |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    kinds = dict.fromkeys(each.fault.kind for each in reached)
    for kind in kinds:
        _print_row(kind, [each for each in reached if each.fault.kind == kind])
    _print_row("**all**", reached)
    _print_row("of these: named", [each for each in reached if each.is_named])
    moved = [each for each in reached if each.shift >= MOVED or each.is_breached]
    _print_row("of these: predictions or performance moved", moved)
    _print_row("of these: a limit was broken", [each for each in reached if each.is_breached])


def _print_row(name: str, results: Sequence[Result]) -> None:
    count = len(results)
    if not count:
        return
    shares = [
        sum(chosen) / count
        for chosen in (
            [each.is_named for each in results],
            [each.rank == 1 for each in results],
            [each.rank > 0 for each in results],
            [each.is_feature for each in results],
        )
    ]
    print(f"| {name} | {count} | {' | '.join(f'{share:.0%}' for share in shares)} |")


def print_labels() -> None:
    """Print for how many changes of labels alone no cause is named."""
    features, outcomes = history()
    right = broken = 0
    changes = list(LABEL_FAULTS.items())
    print("\n| labels alone | from | limit broken | named |\n| --- | --- | --- | --- |")
    for number, first in enumerate(LABEL_DAYS):
        name, change = changes[number % len(changes)]
        last = CALENDAR.shifted(first, DAYS - 1)
        here = features[features[DAY].between(first, last)]
        joined = here[[*KEY, "distance"]].merge(outcomes, on=KEY)
        random = np.random.default_rng(number)
        turned = joined.assign(late=change(joined, random)).drop(columns="distance")
        report = reported(features[features[DAY] < first], here, outcomes, turned, last)
        is_broken = bool(report["is_breached"].any())
        found = found_causes(here, first, last)
        named = found and found[0].is_likely
        what = f"`{found[0].movement.feature}`" if named else "none"
        print(f"| {name} | {first} | {'yes' if is_broken else 'no'} | {what} |")
        right, broken = right + (not named), broken + is_broken
    print(f"\nno cause among the features: {right} of {len(LABEL_DAYS)}; limits broken: {broken}")


if __name__ == "__main__":
    sys.exit(main())
