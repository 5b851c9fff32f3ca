"""The declared column lineage of a model pipeline's tables against what moves in real rows.

Every column that a table may be made from is changed in several ways, and the table's own days are
computed again by the asset itself; the base is changed before where nothing would move otherwise.

Not verified: ``integration_tests``, which would start a process for each changed column; what a
release makes of ``approvals`` and of the judged fingerprint, as rows that are not those of the
approval log, or of another model than was tested, stop it. Names and kinds of features in
profiles are not changed: alone they contradict the columns that they are read by. Which rows a table
has shows in its key; where the key is taken over from another table, it shows in no column.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_assets.components.model_pipeline import card, training
from ml_assets.contracts.contract import columns
from ml_assets.defs.flight_delays.contracts import FlightFeatures
from ml_assets.lake.content import DAY
from ml_assets.lake.ledger import Ledger
from ml_assets.lake.provenance import Column
from ml_assets.lake.store import Lake
from ml_assets.monitoring import performance
from ml_assets.registry.approval_log import ApprovalLog
from ml_assets.registry.approvals import Action, Record
from ml_assets.registry.integration import IntegrationTest
from ml_assets.registry.release import AWAITING
from ml_assets.settings import settings
from ml_assets_tests.lineage.small_world import Change, Table, World
from ml_assets_tests.moving import Moved, differences, in_other_order, moved, upside_down, variants

FIRST, SECOND = "2013-01-22", "2013-02-01"
"""As-of days of two models; both become champion."""
FEATURES, OUTCOMES = "flight_delays/flight_features", "flight_delays/flight_outcomes"
KEY = ["time_hour", "carrier", "flight"]

SMALL = {
    "validation_days": 2,
    "test_days": 7,
    "evaluation": {"metrics": ["auc", "precision"], "resamples": 100, "flagged_share": 0.5},
    "release": {
        "gated_attribute": "origin",
        "min_segment_rows": 30,
        "min_improvement": 1e-9,
        "max_group_gap": 0.5,
        "max_gap_above_champion": 0.2,
        "segment_tolerance": 0.2,
    },
    "monitoring": {
        "window_days": 7,
        "policy": "small",
        "groups": {"structural": ["carrier", "origin", "dest"]},
    },
}

POLICY = """\
name: small
evaluation_days: 7
windows: 1
confirmations: 1
min_labels: 20
performance_drop: 0.2
calibration_error: 0.2
drifted_structural: 1
drifted_features: 30
data_growth: 0.9
cooldown_days: 3
budget: 2
budget_days: 30
"""

AS_OF = [
    "training_dataset",
    "model",
    "evaluation",
    "feature_reference",
    "comparison",
    "fairness",
    "release_decision",
]
RELEASED = ["approvals", "registered_model", "staging_model"]
DAILY = ["predictions", "labels", "performance", "feature_profile", "drift_report"]

DAYS = {
    **{noun: [SECOND] for noun in (*AS_OF, *RELEASED)},
    "champion": [SECOND],
    "model_card": [SECOND],
    "predictions": ["2013-02-02"],
    "labels": ["2013-02-02"],
    "performance": ["2013-02-02"],
    "feature_profile": ["2013-02-02"],
    "drift_report": ["2013-02-02", "2013-02-08"],
    "retraining_decision": ["2013-02-08"],
}
"""Table → days of it that are computed again; together they show every dependency."""

BY = {
    "training_dataset": [KEY, ["predicted_at", "origin"]],
    "predictions": [
        ["prediction_id"],
        ["time_hour", "origin"],
        ["carrier", "origin", "prediction"],
    ],
    "labels": [["prediction_id"], ["known_at"], ["carrier", "origin", "prediction"]],
    "feature_profile": [["feature"]],
}
"""Table → columns that tell its rows apart, where they are not its key; the first that are not made from the changed one count."""

ONE_ROW = {
    "model",
    "release_decision",
    "registered_model",
    "staging_model",
    "champion",
    "model_card",
    "retraining_decision",
}
"""Tables of at most one row a day."""


def beginning(lake: Lake) -> dict[str, Table]:
    """Features and outcomes of at most one flight an hour and origin, few carriers, much rain."""
    features = lake.read(FEATURES)
    outcomes = lake.read(OUTCOMES)
    some = features[features["carrier"].isin(["AA", "DL", "UA"])]
    some = some.drop_duplicates(["time_hour", "origin"])
    ends = outcomes.merge(some[KEY], on=KEY)
    number = some.groupby(["time_hour", "carrier"]).cumcount() + 1
    numbered = some[KEY].assign(number=number)
    ends = ends.merge(numbered, on=KEY).drop(columns="flight").rename(columns={"number": "flight"})
    moments = ends["known_at"] + pd.to_timedelta(range(len(ends)), unit="us")
    days = set(some[DAY])
    rain = np.arange(len(some)) * 37 % 101 / 100
    return {
        FEATURES: Table(some.assign(flight=number, precip=rain).reset_index(drop=True), days),
        OUTCOMES: Table(ends.assign(known_at=moments)[list(outcomes.columns)], days),
    }


def lived_through(tables: Mapping[str, Table], folder: Path, use: Callable[[Lake], None]) -> World:
    """Two models, both released, and nine days of the second's life."""
    (folder / "policies").mkdir()
    (folder / "policies" / "small.yaml").write_text(POLICY, "utf-8")
    world = World(tables, folder, SMALL, use)
    for as_of in (FIRST, SECOND):
        for noun in AS_OF:
            world.live(noun, as_of)
        decisions = world.tables[world.table("release_decision")].rows
        decisions.loc[decisions[DAY] == as_of, "verdict"] = AWAITING
        ApprovalLog.of_project().append(_approval(world.name, decisions, as_of))
        for noun in RELEASED:
            world.live(noun, as_of)
        world.put("integration_tests", _passed_tests(decisions, as_of))
        world.live("champion", as_of)
    days = [day.strftime("%Y-%m-%d") for day in pd.date_range("2013-01-27", "2013-02-09")]
    for noun in DAILY:
        world.live(noun, *days)
    world.live("retraining_decision", *days[:-2])
    world.live("model_card", SECOND)
    return world


def _approval(pipeline: str, decisions: pd.DataFrame, as_of: str) -> Record:
    return Record(
        pipeline=pipeline,
        as_of=as_of,
        action=Action.APPROVE,
        by="Ada",
        reason="it is better",
        evidence=decisions.loc[decisions[DAY] == as_of, "evidence"].iloc[0],
        serves_from="",
        at=datetime(2013, 2, 1, tzinfo=UTC),
    )


def _passed_tests(decisions: pd.DataFrame, as_of: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            DAY: as_of,
            "fingerprint": decisions.loc[decisions[DAY] == as_of, "challenger"].iloc[0],
            "test": IntegrationTest.names(),
            "passed": True,
            "finding": "it is right",
        }
    )


def what_moves(world: World, noun: str) -> Moved:
    """Column that a table may be made from → the columns of the table that move when it changes."""
    made_from = world.lineage(noun)
    sources = {table for columns in made_from.values() for table, _ in columns}
    found: dict[Column, set[str]] = {}
    for day, base in product(DAYS[noun], BASES.get(noun, [{}])):
        before = world.computed(noun, day, base)
        assert before is not None
        for table in sorted(sources | world.inputs(noun)):
            for column in _changeable(world, noun, table):
                for change in changes(world, noun, table, column):
                    after = world.computed(noun, day, {**base, table: _both(base, table, change)})
                    names = _moved(world, noun, (table, column), before, after)
                    found.setdefault((table, column), set()).update(names)
    return found


def _changeable(world: World, noun: str, table: str) -> list[str]:
    """Columns of a table that can be changed without contradicting others."""
    unused = WIDE - {column for sources in world.lineage(noun).values() for _, column in sources}
    return [
        column
        for column in world.tables[table].rows.columns
        if column not in {DAY, *BINDING}
        and column not in unused
        and not f"{table}.{column}".startswith(COMPARED.get(noun, ()))
    ]


def _moved(
    world: World, noun: str, changed: Column, before: pd.DataFrame, after: pd.DataFrame | None
) -> set[str]:
    if after is None:
        return set()
    made_from, key = world.lineage(noun), world.key(noun)
    by = next(
        (by for by in BY.get(noun, ()) if not any(changed in made_from[name] for name in by)), key
    )
    taken_over = {name for name in key if [source for _, source in made_from[name]] == [name]}
    own = set(key) - taken_over if noun in BY else set(key)
    others = {name for name in own if set(before[name]) != set(after[name])}
    return others | moved(before, after, [] if noun in ONE_ROW else by)


def _both(base: Mapping[str, Change], table: str, change: Change) -> Change:
    return lambda rows: change(base[table](rows) if table in base else rows)


def changes(world: World, of: str, table: str, column: str) -> Iterator[Change]:
    """Several ways to change a column that a table is made from."""
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
    values, nullable = world.tables[table].rows[column], world.is_nullable(table, column)
    for number in range(len([*variants(values, nullable=nullable)])):
        yield lambda rows, at=number: rows.assign(
            **{column: [*variants(rows[column], nullable=nullable)][at]}
        )


def _with_gaps(values: pd.Series) -> pd.Series:
    """Other values, among them nulls and, of texts, one that was never seen."""
    third = np.arange(len(values)) // 12 % 3
    changed = upside_down(values).where(third != 0)
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
    others = [DAY, *(name for name in KEY if name != column)]
    return rows.groupby(others)[column].transform(lambda values: values.to_numpy()[::-1])


ROW_BY_ROW = {"training_dataset", "predictions", "labels"}
"""Tables that join rows by their key and take columns over, so that none may become null."""

WIDE = {*columns(FlightFeatures)} - {*KEY, "predicted_at", "temp"}
"""Columns of features, of which those that a table does not declare stand for one another."""

CHOSEN = {"split", "late", "feature_day"}
SELECTING = {*KEY, "origin", *CHOSEN}
"""Columns of the dataset by which its rows are chosen, and besides cut into segments."""

STRONGER: Mapping[str, Sequence[Callable[[pd.Series], pd.Series]]] = {
    "fairness": [upside_down, lambda values: values.where(values.isna())]
}
"""Table → further changes of features, where a single one moves too few rows to count."""

LISTS = {"edges", "categories", "counts", "sums"}
"""Columns that hold JSON lists, whose lengths belong together."""

BINDING = {"feature", "kind"}
"""Columns of profiles by which the others are read; changed alone they contradict these."""

COMPARED = {
    "registered_model": ("flight_delays/approvals.",),
    "champion": ("flight_delays/approvals.", "flight_delays/release_decision.challenger"),
}
"""Table → what it compares with other tables or the approval log before it uses it: changed alone it is refused."""

BASES: Mapping[str, Sequence[Mapping[str, Change]]] = {
    "labels": [
        {
            "flight_delays/predictions": lambda rows: rows.assign(
                model_version=[f"model {number}" for number in range(len(rows))],
                model_as_of=[f"day {number}" for number in range(len(rows))],
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
            )
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
            "flight_delays/champion": lambda rows: rows.assign(value=0.3),
            "flight_delays/drift_report": lambda rows: rows.assign(drifted=False),
        },
        {
            "flight_delays/champion": lambda rows: rows.assign(value=0.95),
            "flight_delays/drift_report": lambda rows: rows.assign(drifted=False),
        },
        {
            "flight_delays/champion": lambda rows: rows.assign(value=0.3),
            "flight_delays/drift_report": lambda rows: rows.assign(
                drifted=rows["feature"] == "carrier"
            ),
        },
    ],
}
"""Table → what is changed before anything else, so that there is something to move."""

SPECIAL: Mapping[tuple[str, str], Sequence[Callable[[pd.DataFrame], object]]] = {
    ("training_dataset", "split"): [
        lambda rows: rows["split"].replace("validation", "test"),
        lambda rows: rows["split"].where(rows["origin"] == "EWR", "train"),
        lambda rows: rows["split"].where(rows["carrier"] == "AA", "train"),
        lambda rows: rows["split"].where(rows.index % 6 == 0, "train"),
        lambda rows: rows["split"].where(rows["feature_day"] > "2013-01-15", "test"),
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
    ("drift_report", "group"): [lambda rows: "environment"],
    ("retraining_decision", "verdict"): [lambda rows: "retrain"],
    ("champion", "training_last"): [lambda rows: "2013-12-31"],
}
"""Changes that show what the usual ones do not."""


@pytest.fixture(scope="module")
def world(features_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The small pipeline, with a registry and model files of its own."""
    folder = tmp_path_factory.mktemp("small")
    stored = Ledger(f"sqlite:///{features_home / 'data' / 'ledger.db'}")
    tables = beginning(Lake(str(features_home / "data" / "lake"), stored))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ML_ASSETS_DATA", str(folder / "data"))
        patch.setattr(training, "evaluation_plots", lambda *what: {})
        patch.setattr(card, "html", lambda contents: "")
        patch.setattr(performance, "MIN_SEGMENT_ROWS", 10)
        settings.cache_clear()
        yield lived_through(
            tables, folder, lambda lake: patch.setattr(Lake, "of_project", lambda: lake)
        )
    settings.cache_clear()


@pytest.mark.parametrize("noun", DAYS)
def test_columns_are_made_from_what_they_declare(world: World, noun: str) -> None:
    assert differences(world.lineage(noun), what_moves(world, noun)) == []
