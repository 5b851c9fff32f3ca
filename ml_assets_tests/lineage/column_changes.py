"""Changes of a pipeline's columns that alter each column that depends on them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.contract import columns
from ml_assets.defs.flight_delays.contracts import FlightFeatures
from ml_assets_tests.changed_columns import in_other_order, reversed_values, variants
from ml_assets_tests.lineage.small_pipeline import Change, SmallPipeline

FIRST, SECOND = "2013-01-22", "2013-02-01"
"""As-of days of two models; both become champion."""
FEATURES, OUTCOMES = "flight_delays/flight_features", "flight_delays/flight_outcomes"
KEY = ["time_hour", "carrier", "flight"]

ROW_BY_ROW = {"training_dataset", "predictions", "labels"}
"""Tables that join rows by their key and take columns over, so that none may become null."""

WIDE = {*columns(FlightFeatures)} - {*KEY, "predicted_at", "departs_at", "temp"}
"""Columns of features, of which those that a table does not declare stand for one another."""

CHOSEN = {"split", "late", "feature_day"}
SELECTING = {*KEY, "origin", *CHOSEN}
"""Columns of the dataset that select its rows or define segments."""

STRONGER: Mapping[str, Sequence[Callable[[pd.Series], pd.Series]]] = {
    "fairness": [reversed_values, lambda values: values.where(values.isna())]
}
"""Table → further changes of features, where a single one changes too few rows to count."""

LISTS = {"edges", "categories", "counts", "sums"}
"""Columns that hold JSON lists, whose lengths belong together."""

BINDING = {"feature", "kind"}
"""Columns of profiles that define the meaning of others; changed alone they contradict these."""

COMPARED = {
    "registered_model": ("flight_delays/approvals.",),
    "champion": ("flight_delays/approvals.", "flight_delays/release_decision.challenger"),
}
"""Table → columns that it checks against other tables or the approval log: changed alone they are refused."""

BASES: Mapping[str, Sequence[Mapping[str, Change]]] = {
    "labels": [
        {
            "flight_delays/predictions": lambda rows: rows.assign(
                model_version=[f"model {number}" for number in range(len(rows))],
                model_as_of=[f"day {number}" for number in range(len(rows))],
                is_late=rows.groupby(DAY).cumcount() < 5,
            )
        }
    ],
    "feature_profile": [
        {
            "flight_delays/feature_reference": lambda rows: rows.assign(
                categories=rows["categories"].where(
                    rows[DAY] != FIRST, rows["categories"].map(_other_list)
                )
            )
        }
    ],
    "drift_report": [
        {
            "flight_delays/feature_profile": lambda rows: rows.assign(
                counts=rows["counts"].map(_one_more)
            )
        }
    ],
    "release_decision": [
        {
            "flight_delays/comparison": lambda rows: rows.assign(
                challenger=rows["champion"] + 0.1, improvement=0.1, low=0.05, high=0.15
            ),
            "flight_delays/fairness": lambda rows: rows.assign(challenger=0.3, low=0.2, high=0.4),
        }
    ],
    "registered_model": [
        {"flight_delays/champion": lambda rows: rows[rows[DAY] < SECOND].reset_index(drop=True)}
    ],
    "champion": [
        {},
        {"flight_delays/release_decision": lambda rows: rows.assign(verdict="passed")},
    ],
    "retraining_decision": [
        {
            "flight_delays/retraining_decision": lambda rows: rows.assign(verdict="keep"),
            "flight_delays/champion": lambda rows, at=value: rows.assign(value=at),
            "flight_delays/drift_report": lambda rows, of=feature: rows.assign(
                drifted=rows["feature"] == of
            ),
        }
        for value, feature in ((0.3, "none"), (0.95, "none"), (0.3, "carrier"))
    ]
    + [{"flight_delays/drift_report": lambda rows: rows.assign(is_judged=False)}],
}
"""Table → changes that are made first, so that further changes have an effect."""

SPECIAL: Mapping[tuple[str, str], Sequence[Callable[[pd.DataFrame], object]]] = {
    ("training_dataset", "split"): [
        lambda rows: rows["split"].replace("validation", "test"),
        lambda rows: rows["split"].where(rows["origin"] == "EWR", "train"),
        lambda rows: rows["split"].where(rows["carrier"] == "AA", "train"),
        lambda rows: rows["split"].where(rows.index % 6 == 0, "train"),
        lambda rows: rows["split"].where(rows["feature_day"] > "2013-01-15", "test"),
    ],
    ("flight_features", "departs_at"): [
        lambda rows: rows["departs_at"].where(
            rows.index % 2 == 0, pd.Timestamp("2100-01-01", tz="UTC")
        ),
    ],
    ("training_dataset", "origin"): [
        lambda rows: rows["origin"].where(rows.index % 5 == 0, "EWR"),
    ],
    ("feature_profile", "reference"): [
        lambda rows: rows["reference"].where(rows[DAY] != "2013-02-02", "none"),
    ],
    ("predictions", "prediction_id"): [
        lambda rows: rows["prediction_id"] + "?",
        lambda rows: rows.groupby(DAY)["prediction_id"].transform(lambda ids: ids.to_numpy()[::-1]),
    ],
    ("predictions", "carrier"): [lambda rows: rows["carrier"].where(rows.index % 9 == 0, "DL")],
    ("fairness", "attribute"): [lambda rows: "carrier"],
    ("champion", "serves_from"): [
        lambda rows: rows["serves_from"].where(rows[DAY] != SECOND, "2013-03-01"),
        lambda rows: "2013-03-01",
    ],
    ("feature_reference", "window_days"): [lambda rows: 30, lambda rows: 1],
    ("training_dataset", "carrier"): [
        lambda rows: rows["carrier"].where(rows.index % 9 == 0, "DL"),
    ],
    ("training_dataset", "day_of_week"): [lambda rows: rows["day_of_week"] // 2],
    ("training_dataset", "feature_day"): [lambda rows: "2013-01-20"],
    ("approvals", "by"): [lambda rows: "Bob"],
    ("approvals", "reason"): [lambda rows: "other"],
    ("approvals", "remark"): [lambda rows: "other"],
    ("integration_tests", "finding"): [lambda rows: "other"],
    ("release_decision", "verdict"): [lambda rows: "passed", lambda rows: "blocked"],
    ("release_decision", "metric"): [lambda rows: "brier"],
    ("labels", "label"): [lambda rows: 1 - rows["label"]],
    ("champion", "metric"): [lambda rows: "brier"],
    ("drift_report", "reference"): [lambda rows: "none"],
    ("drift_report", "likely_cause_rank"): [lambda rows: 100 - rows["likely_cause_rank"]],
    ("drift_report", "group"): [lambda rows: "environment"],
    ("retraining_decision", "verdict"): [lambda rows: "retrain"],
    ("champion", "training_last"): [lambda rows: "2013-12-31"],
}
"""Changes that reveal dependencies that the usual ones do not."""


def changeable(small: SmallPipeline, noun: str, table: str) -> list[str]:
    """Columns of a table that can be changed without contradicting others."""
    unused = WIDE - {column for sources in small.lineage(noun).values() for _, column in sources}
    return [
        column
        for column in small.tables[table].rows.columns
        if column not in {DAY, *BINDING}
        and column not in unused
        and not f"{table}.{column}".startswith(COMPARED.get(noun, ()))
    ]


def changes(small: SmallPipeline, of: str, table: str, column: str) -> Iterator[Change]:
    """Several ways to change an input column of a table."""
    noun = table.rpartition("/")[2]
    if column in KEY and of in ROW_BY_ROW:
        yield lambda rows: rows.assign(**{column: _swapped(rows, column)})
        return
    for special in SPECIAL.get((noun, column), ()):
        yield lambda rows, values=special: rows.assign(**{column: values(rows)})
    is_feature = column not in SELECTING or of == "feature_reference"
    if table == FEATURES or (noun == "training_dataset" and is_feature and column not in CHOSEN):
        for change in [in_other_order] if of in ROW_BY_ROW else [_with_gaps, *STRONGER.get(of, ())]:
            yield lambda rows, how=change: rows.assign(**{column: how(rows[column])})
        return
    if column in LISTS:
        yield lambda rows: rows.assign(**{column: rows[column].map(_other_list)})
        return
    values, nullable = small.tables[table].rows[column], small.is_nullable(table, column)
    for number in range(len([*variants(values, nullable=nullable)])):
        yield lambda rows, at=number: rows.assign(
            **{column: [*variants(rows[column], nullable=nullable)][at]}
        )


def _with_gaps(values: pd.Series) -> pd.Series:
    """Other values, including nulls and, for text, an unknown one."""
    third = np.arange(len(values)) // 12 % 3
    changed = reversed_values(values).where(third != 0)
    return (
        changed if pd.api.types.is_numeric_dtype(changed.dtype) else changed.mask(third == 1, "?")
    )


def _other_list(text: str) -> str:
    """A JSON list of as many other values, in the order of the first ones."""
    values = json.loads(text)
    if all(isinstance(value, str) for value in values):
        return json.dumps([f"{value}?" for value in values])
    return json.dumps([value * 2 + number for number, value in enumerate(values)])


def _one_more(text: str) -> str:
    return json.dumps([value + 1 for value in json.loads(text)])


def _swapped(rows: pd.DataFrame, column: str) -> pd.Series:
    """The column of a key, exchanged between rows that differ in nothing else of the key."""
    others = [
        DAY,
        *(name for name in KEY if name != column),
        *(name for name in ["flight_day"] if name in rows.columns),
    ]
    return rows.groupby(others)[column].transform(lambda values: values.to_numpy()[::-1])
