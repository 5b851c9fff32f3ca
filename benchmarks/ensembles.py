"""Combinations of the models of flights, and the chain with forecasts, on flights that none has seen.

Walk-forward over 2013, as of the first of each month: each member is trained on the days before, and
the test rows are those of a release, the last 28 days. A combination is a section ``ensemble``, so
that routes and combinations are those of the project. Gains are over the best member, with the paired
bootstrap of days by which releases are judged. The second table is about the same flights as if no
weather had been known, and neither a forecast.

The chain is flight_chain: its last model is trained on forecasts that weather models made of the days
before each month, and answers with those of weather models that were trained on what it was trained on.

    python -m benchmarks.ensembles [--as-of 2013-04-01 …]
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from benchmarks.forecast_ablation import FLIGHT_KEY, ZONE, flights, forecasts, weather
from ml_assets.cadence import Calendar
from ml_assets.configuration.ensemble.section import EnsembleConfiguration
from ml_assets.configuration.models import pipeline
from ml_assets.content import DAY
from ml_assets.defs.airport_weather.features import KEY
from ml_assets.defs.flight_delays.features import WEATHER
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT, Windows, training_dataset
from ml_assets.learning.ensembles.answers import answers
from ml_assets.learning.ensembles.rules import EnsembleRules
from ml_assets.learning.evaluation import EvaluationRules
from ml_assets.learning.predictions import PREDICTION
from ml_assets.learning.scorer.values import Columns
from ml_assets.learning.training import predict, train
from ml_assets.release.evidence.comparison import compare

CHAIN = "chain"
MEMBERS = {
    "boosting": "flight_delays",
    "forest": "flight_forest",
    "linear": "flight_linear",
    CHAIN: "flight_forecast",
}
"""Member → its pipeline, for the chain that of its last model."""

LABEL = "late"
AS_OFS = [f"2013-{month:02}-01" for month in range(4, 13)]
KNOWN_OF_WEATHER = (*WEATHER, "weather_age_hours")
METRICS = ("auc", "average_precision", "brier")
RESAMPLES = 400
"""Fewer than for a release: the average precision of all months takes a gigabyte as it is."""

Gains: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Metric → its row of the comparison with the best member."""

UNKNOWN = {"weather_age_hours": {"is": "missing"}}
EQUAL, WITH_CHAIN = "average, equal", "average, chain for boosting"
OF_ALL = "average of all four"
AVERAGE = {"combine": {"average": {"boosting": 1, "forest": 1, "linear": 1}}}


def cascade(threshold: float, margin: float) -> dict[str, Any]:
    """The regression first, and the boosting where it is unsure."""
    order = ["linear", "boosting"]
    return {"combine": {"cascade": {"order": order, "threshold": threshold, "margin": margin}}}


def routed(members: Sequence[str]) -> dict[str, Any]:
    """The equal average, by some members where no weather is known."""
    route = {"name": "weather_unknown", "when": UNKNOWN, "members": members}
    return {**AVERAGE, "routes": [route]}


COMBINATIONS: dict[str, dict[str, Any]] = {
    EQUAL: AVERAGE,
    "average 2:1:1": {"combine": {"average": {"boosting": 2, "forest": 1, "linear": 1}}},
    "average 3:2:1": {"combine": {"average": {"boosting": 3, "forest": 2, "linear": 1}}},
    "average of boosting and forest": {"combine": {"average": {"boosting": 1, "forest": 1}}},
    "average of boosting and linear": {"combine": {"average": {"boosting": 1, "linear": 1}}},
    WITH_CHAIN: {"combine": {"average": {"chain": 1, "forest": 1, "linear": 1}}},
    OF_ALL: {"combine": {"average": dict.fromkeys(MEMBERS, 1)}},
    "vote from 0.5": {"combine": {"vote": {}}},
    "vote from 0.25": {"combine": {"vote": {"threshold": 0.25}}},
    "cascade, 0.25 ± 0.10": cascade(0.25, 0.10),
    "cascade, 0.25 ± 0.20": cascade(0.25, 0.20),
    "equal, unknown weather: boosting": routed(["boosting"]),
    "equal, unknown weather: boosting, forest": routed(["boosting", "forest"]),
    "equal, unknown weather: forest, linear": routed(["forest", "linear"]),
}
"""Name → section ``ensemble`` without its members; the chain is one where it is named."""

ADDED = ((CHAIN, "boosting"), (WITH_CHAIN, EQUAL), (OF_ALL, EQUAL))
"""Pairs of which the first has the forecasts and the second has not."""


def main() -> int:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--as-of", nargs="+", default=AS_OFS, dest="as_ofs")
    as_ofs = parser.parse_args().as_ofs
    features, outcomes = flights()
    hours = weather()
    stored = forecasts(hours)
    for column, name in links().items():
        features = with_forecast(features, column, stored[name])
    print_tables(predicted(features, outcomes, hours, as_ofs))
    return 0


def links() -> dict[str, str]:
    """Column of a forecast → the pipeline that gives it in flight_chain."""
    chain = pipeline("flight_chain")
    assert isinstance(chain, EnsembleConfiguration)
    assert chain.ensemble.combine.chain
    members = chain.ensemble.members
    return {one.gives: members[one.member].pipeline for one in chain.ensemble.combine.chain.links}


def with_forecast(rows: pd.DataFrame, column: str, forecast: pd.DataFrame) -> pd.DataFrame:
    """Flights with the forecast for the airport and hour of their departure as a column."""
    found = forecast[[*KEY, PREDICTION]].rename(columns={PREDICTION: column})
    others = rows.drop(columns=column, errors="ignore")
    return others.merge(found, how="left", on=KEY, validate="many_to_one")


def with_links(test: pd.DataFrame, hours: pd.DataFrame, last_day: str) -> pd.DataFrame:
    """Test rows with the forecasts of weather models that were trained until a day."""
    known, later = hours[hours[FEATURE_DAY] <= last_day], hours[hours[FEATURE_DAY] > last_day]
    for column, name in links().items():
        one = pipeline(name).specification
        fitted = train(one, known[known[one.label].notna()]).pipeline
        forecast = later.assign(**{PREDICTION: predict(one, fitted, later)})
        test = with_forecast(test, column, forecast)
    return test


def predicted(
    features: pd.DataFrame, outcomes: pd.DataFrame, hours: pd.DataFrame, as_ofs: Sequence[str]
) -> pd.DataFrame:
    """Test rows of all as-of days, with the prediction of each member in a column of its name.

    Each row occurs twice: as it was, and without weather, where ``is_known`` is False.
    """
    specifications = {name: pipeline(of).specification for name, of in MEMBERS.items()}
    parts = []
    for as_of in as_ofs:
        dataset = dataset_of(features, outcomes, as_of)
        fitted = {name: train(one, dataset).pipeline for name, one in specifications.items()}
        last_day = dataset.loc[dataset[SPLIT] == "train", FEATURE_DAY].max()
        test = with_links(dataset[dataset[SPLIT] == "test"], hours, last_day)
        unknown = test.assign(**dict.fromkeys([*KNOWN_OF_WEATHER, *links()], np.nan))
        for is_known, given in ((True, test), (False, unknown)):
            scores = {
                name: predict(one, fitted[name], given) for name, one in specifications.items()
            }
            parts.append(given.assign(**scores, as_of=as_of, is_known=is_known))
    return pd.concat(parts, ignore_index=True).assign(**{DAY: "2013"})


def dataset_of(features: pd.DataFrame, outcomes: pd.DataFrame, as_of: str) -> pd.DataFrame:
    """The training dataset of an as-of day, with the windows of the pipelines."""
    return training_dataset(
        features,
        outcomes,
        key=FLIGHT_KEY,
        label=LABEL,
        known_at="known_at",
        as_of=as_of,
        calendar=Calendar(timezone=ZONE),
        windows=Windows(365, 7, 28),
        label_delay=pd.Timedelta(0),
    )


def print_tables(rows: pd.DataFrame) -> None:
    """Print all members and combinations with and without weather, what the chain adds, and the months."""
    for title, part in (
        ("As they were", rows[rows["is_known"]]),
        ("As if no weather had been known", rows[~rows["is_known"]]),
    ):
        best, found = compared(part, COMBINATIONS)
        print(f"\n{title}: {len(part):,} flights on {part[FEATURE_DAY].nunique()} days\n")
        print("| | AUC | average precision | Brier | AUC better by | Brier better by |")
        print("| --- | --- | --- | --- | --- | --- |")
        for name, gains in found.items():
            values = " | ".join(f"{gains[metric]['challenger']:.4f}" for metric in METRICS)
            better = " | ".join(shown(gains[metric]) for metric in ("auc", "brier"))
            print(f"| {name} | {values} | {'the best member | ' if name == best else better} |")
    for name, asked in asked_shares(rows[rows["is_known"]]).items():
        print(f"{name} asks the boosting about {asked:.0%} of the flights.")
    for new, old in ADDED:
        gain = gains_of(rows[rows["is_known"]], new, old)
        print(f"{new} is better than {old} by {shown(gain['auc'])}, Brier {shown(gain['brier'])}.")
    print("\n| as of | best member | its AUC | equal average | better by |")
    print("| --- | --- | --- | --- | --- |")
    for as_of, part in rows[rows["is_known"]].groupby("as_of"):
        best, found = compared(part, {EQUAL: COMBINATIONS[EQUAL]})
        gain = found[EQUAL]["auc"]
        figures = f"{gain['champion']:.4f} | {gain['challenger']:.4f}"
        print(f"| {as_of} | {best} | {figures} | {shown(gain)} |")


def compared(
    rows: pd.DataFrame, combinations: Mapping[str, Mapping[str, Any]]
) -> tuple[str, dict[str, Gains]]:
    """The member with the greatest AUC, and name → gains over it of members and combinations."""
    members = {name: gains(rows, rows[name], rows[name]) for name in MEMBERS}
    best = max(members, key=lambda name: members[name]["auc"]["challenger"])
    scores = {name: rows[name].to_numpy() for name in MEMBERS}
    scores |= {name: combined(rows, one)[0] for name, one in combinations.items()}
    return best, {name: gains(rows, one, rows[best]) for name, one in scores.items()}


def gains_of(rows: pd.DataFrame, new: str, old: str) -> Gains:
    """The gains of a member or combination over another one."""
    scores = [
        rows[name] if name in MEMBERS else combined(rows, COMBINATIONS[name])[0]
        for name in (new, old)
    ]
    return gains(rows, *scores)


def combined(
    rows: pd.DataFrame, section: Mapping[str, Any]
) -> tuple[np.ndarray, Mapping[str, int]]:
    """(n,) predictions of an ensemble of the members, and member → number of rows asked about."""
    named = section["combine"].get("average", {})
    members = {
        name: {"pipeline": of} for name, of in MEMBERS.items() if name != CHAIN or name in named
    }
    rules = EnsembleRules.model_validate({"members": members, **section})
    asked = dict.fromkeys(MEMBERS, 0)

    def ask(name: str, columns: Columns, count: int) -> np.ndarray:
        asked[name] += count
        return np.asarray(columns[name])

    return answers(rules, rows, len(rows), ask).predictions, asked


def asked_shares(rows: pd.DataFrame) -> dict[str, float]:
    """Cascade → the share of the rows that it asks its last member about."""
    return {
        name: combined(rows, section)[1]["boosting"] / len(rows)
        for name, section in COMBINATIONS.items()
        if "cascade" in section["combine"]
    }


def gains(rows: pd.DataFrame, new: Any, old: Any) -> Gains:
    """The gains of predictions over others, with intervals from a bootstrap of days."""
    found = compare(
        pipeline(MEMBERS["boosting"]).specification,
        rows.assign(**{PREDICTION: new}),
        rows.assign(**{PREDICTION: old}),
        key=FLIGHT_KEY,
        segments=(),
        rules=EvaluationRules(metrics=METRICS, resamples=RESAMPLES),
        min_segment_rows=1,
    )
    return {row["metric"]: row for row in found.to_dict("records")}


def shown(gain: Mapping[str, Any]) -> str:
    """A gain with its interval."""
    return f"{gain['improvement']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})"


if __name__ == "__main__":
    sys.exit(main())
