"""Forecasts of the weather against its last observation, and as features of flight delays.

Walk-forward over 2013. A forecast of a month comes from a model that was trained on the days before
it. Flight models have the windows of the reference pipeline, as of the first of a month; one is
trained without and one with the forecasts for the hour of each flight's departure, as they were known
two hours before it. Both are measured on the same test rows of all as-of days, as evidence of a
release is.

    python -m benchmarks.forecast_ablation [--as-of 2013-05-01 …]
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from benchmarks.year_plain import ASSUMPTIONS, by_day
from ml_assets.cadence import Cadence, Calendar
from ml_assets.content import DAY, SNAPSHOT
from ml_assets.contracts.validation import validate
from ml_assets.defs.airport_weather.contracts import WeatherFeatures, WeatherOutcomes
from ml_assets.defs.airport_weather.features import KEY, weather_features, weather_outcomes
from ml_assets.defs.flight_delays.features import flight_features, flight_outcomes
from ml_assets.defs.sources.contracts import (
    ORIGINS,
    Airports,
    Flights,
    HourlyWeather,
    Planes,
    Weather,
)
from ml_assets.defs.sources.load import reference_table
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT, Windows, training_dataset
from ml_assets.learning.evaluation import OVERALL, EvaluationRules
from ml_assets.learning.predictions import PREDICTION
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import predict, train
from ml_assets.release.evidence.comparison import compare
from ml_assets.release.rules import ReleaseRules

DEFS = Path(__file__).resolve().parent.parent / "ml_assets" / "defs"
ZONE = "America/New_York"
CUT_HOURS = 2
MONTHS = [f"2013-{month:02}-01" for month in range(2, 13)]
FIRST_MONTH = "2013-04-01"
"""Forecasts are measured from here on, with at least three months to train on."""
AS_OFS = (*(f"2013-{month:02}-01" for month in range(5, 13)), "2014-01-01")
FLIGHT_KEY = ["time_hour", "carrier", "flight"]


def main() -> int:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--as-of", nargs="+", default=AS_OFS, dest="as_ofs")
    as_ofs = parser.parse_args().as_ofs
    rows = weather()
    found = forecasts(rows)
    print("| forecast | rows | RMSE | of the last observation | better by | 95 % interval |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, one in found.items():
        print(_row(name, against_last_observation(one, specifications("airport_weather")[name])))
    features, outcomes = flights()
    with_forecasts = joined(features, found)
    [specification] = specifications("flight_delays").values()
    both = {
        name: held_out(table, outcomes, model, as_ofs)
        for name, table, model in (
            ("without", features, specification),
            ("with", with_forecasts, extended(specification, found)),
        )
    }
    gain = gain_of(both["with"], both["without"], specification, FLIGHT_KEY, ["auc"])
    print("\n| flight delays | rows | AUC with | AUC without | gain | 95 % interval |")
    print("| --- | --- | --- | --- | --- | --- |")
    print(_row(f"{len(as_ofs)} as-of days", gain))
    needed = gain["champion"] * ReleaseRules().min_relative_improvement
    verdict = "passes" if gain["improvement"] >= needed else "does not pass"
    print(f"The rule 'literal' asks for a gain of {needed:.4f}: it {verdict}.")
    return 0


def weather() -> pd.DataFrame:
    """Features and outcomes of every hour."""
    raw = reference_table("weather")
    moments = raw["time_hour"].dt.tz_localize("UTC")
    calendar = Calendar(Cadence.HOURLY, ZONE)
    keys = [calendar.key_of(moment.to_pydatetime()) for moment in moments]
    raw = raw.assign(**{DAY: pd.Series(keys, index=raw.index, dtype="str")})
    observed = validate(raw, HourlyWeather, sorted(set(keys))).rows
    hours = calendar.keys("2013-01-02-00:00", max(keys))
    stations = pd.DataFrame({"origin": ORIGINS})
    features = weather_features(
        hours, observations=observed, stations=stations, cut_hours=CUT_HOURS
    )
    outcomes = weather_outcomes(hours, observations=observed)
    features = validate(features, WeatherFeatures, hours).rows
    outcomes = validate(outcomes, WeatherOutcomes, hours).rows.drop(columns=DAY)
    rows = features.merge(outcomes, on=KEY, how="left", validate="one_to_one")
    return rows.assign(**{FEATURE_DAY: rows[DAY].str[:10], DAY: "2013", SPLIT: "train"})


def forecasts(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Pipeline → the rows from February on with a forecast from the days before their month."""
    found = {}
    for name, specification in specifications("airport_weather").items():
        parts = []
        labelled = rows[rows[specification.label].notna()]
        for month in MONTHS:
            model = train(specification, labelled[labelled[FEATURE_DAY] < month])
            of_month = rows[rows[FEATURE_DAY].str[:7] == month[:7]]
            predicted = predict(specification, model.pipeline, of_month)
            parts.append(of_month.assign(**{PREDICTION: predicted}))
        found[name] = pd.concat(parts, ignore_index=True)
    return found


def against_last_observation(
    rows: pd.DataFrame, specification: ModelSpecification
) -> Mapping[str, Any]:
    """The gain of a forecast over the last observation, on hours that have both."""
    last = last_observation(specification)
    measured = rows[
        (rows[FEATURE_DAY] >= FIRST_MONTH) & rows[[specification.label, last]].notna().all(axis=1)
    ]
    persistent = measured.assign(**{PREDICTION: measured[last]})
    return gain_of(measured, persistent, specification, KEY, ["rmse"])


def last_observation(specification: ModelSpecification) -> str:
    """The feature with the last observation of what a model predicts."""
    return specification.label.removeprefix("observed_")


def flights() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features and outcomes of all flights."""
    daily = {name: by_day(reference_table(name)) for name in ("flights", "weather")}
    days = sorted(daily["flights"][DAY].unique())
    fixed = {
        name: reference_table(name).assign(**{DAY: SNAPSHOT}) for name in ("planes", "airports")
    }
    flown = validate(daily["flights"], Flights, days).rows
    airports = validate(fixed["airports"], Airports, [SNAPSHOT]).rows
    features = flight_features(
        days,
        flights=flown,
        weather=validate(daily["weather"], Weather, days).rows,
        planes=validate(fixed["planes"], Planes, [SNAPSHOT]).rows,
        airports=airports,
        cut_hours=CUT_HOURS,
        **ASSUMPTIONS,
    )
    return features, flight_outcomes(days, flights=flown, airports=airports, **ASSUMPTIONS)


def joined(features: pd.DataFrame, found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Flight features with the forecasts of the hour of departure, and their change until then.

    A forecast is known two hours before its hour begins, which is not after the cut of a flight.
    """
    for name, specification in specifications("airport_weather").items():
        rows, last = found[name], last_observation(specification)
        added = rows[KEY].assign(
            **{name: rows[PREDICTION], f"{name}_change": rows[PREDICTION] - rows[last]}
        )
        features = features.merge(added, on=KEY, how="left", validate="many_to_one")
    return features


def extended(specification: ModelSpecification, found: Mapping[str, Any]) -> ModelSpecification:
    """The flight model with the forecasts among its features."""
    added = [column for name in found for column in (name, f"{name}_change")]
    return replace(specification, numeric=(*specification.numeric, *added))


def held_out(
    features: pd.DataFrame,
    outcomes: pd.DataFrame,
    specification: ModelSpecification,
    as_ofs: Sequence[str],
) -> pd.DataFrame:
    """The test rows of the models of all as-of days with their predictions."""
    parts = []
    for as_of in as_ofs:
        dataset = training_dataset(
            features,
            outcomes,
            key=FLIGHT_KEY,
            label=specification.label,
            known_at="known_at",
            as_of=as_of,
            calendar=Calendar(timezone=ZONE),
            windows=Windows(365, 7, 28),
            label_delay=pd.Timedelta(0),
        )
        model = train(specification, dataset)
        test = dataset[dataset[SPLIT] == "test"]
        parts.append(test.assign(**{PREDICTION: predict(specification, model.pipeline, test)}))
    return pd.concat(parts, ignore_index=True).assign(**{DAY: "2013"})


def gain_of(
    new: pd.DataFrame,
    old: pd.DataFrame,
    specification: ModelSpecification,
    key: Sequence[str],
    metrics: Sequence[str],
) -> Mapping[str, Any]:
    """The gain in the first metric with its interval, from a bootstrap of days."""
    compared = compare(
        specification,
        new,
        old,
        key=key,
        segments=(),
        rules=EvaluationRules(metrics=tuple(metrics)),
        min_segment_rows=500,
    )
    [row] = compared[
        (compared["segment_column"] == OVERALL) & (compared["metric"] == metrics[0])
    ].to_dict("records")
    return row


def specifications(folder: str) -> dict[str, ModelSpecification]:
    """Pipeline → its model, from the ``defs.yaml`` of a folder."""
    documents = yaml.safe_load_all((DEFS / folder / "defs.yaml").read_text("utf-8"))
    models = [one["attributes"] for one in documents if one["type"].endswith(".ModelPipeline")]
    return {
        model["pipeline"]: ModelSpecification(
            task=model["estimator"]["task"],
            estimator=model["estimator"]["path"],
            label=model["labels"]["column"],
            numeric=tuple(model["estimator"]["numeric"]),
            categorical=tuple(model["estimator"]["categorical"]),
            hyperparameters=model["estimator"]["hyperparameters"],
        )
        for model in models
    }


def _row(name: str, gain: Mapping[str, Any]) -> str:
    figures = f"{gain['challenger']:.4f} | {gain['champion']:.4f} | {gain['improvement']:+.4f}"
    return f"| {name} | {gain['rows']:,} | {figures} | {gain['low']:+.4f} to {gain['high']:+.4f} |"


if __name__ == "__main__":
    sys.exit(main())
