"""Comparison of two versions: their stored results, and differences of code and parameters."""

import json
from dataclasses import asdict

import pytest

from ml_assets.content import DAY
from ml_assets.errors import ConfigurationError
from ml_assets.lake.store import Lake
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.lineage.changes import Change
from ml_assets.lineage.difference import Difference, difference
from ml_assets.lineage.pipelines import pipeline
from ml_assets.monitoring.measures import distance
from ml_assets.monitoring.profile import daily_profiles, merge, reference_from_rows
from ml_assets_tests.model_records import MODEL, made_by, sql, vacuum

FIRST, SECOND = "2013-02-01", "2013-02-04"
DATASET, REFERENCE = "flight_delays/training_dataset", "flight_delays/feature_reference"


def of_both(lake: Lake, one: int = 1, other: int = 2) -> Difference:
    """The two champions side by side."""
    return difference(lake, pipeline("flight_delays"), one, other)


def test_each_side_equals_its_stored_tables(lake: Lake) -> None:
    found = of_both(lake, 2, 1)

    assert [(side.version, side.as_of) for side in (found.older, found.newer)] == [
        (1, FIRST), (2, SECOND),
    ]  # fmt: skip
    for side in (found.older, found.newer):
        rows = lake.read(DATASET, [side.as_of], columns=[FEATURE_DAY, SPLIT, "late"])
        train = rows[rows[SPLIT] == "train"]
        assert [volume.split for volume in side.volumes] == ["train", "validation", "test"]
        assert sum(volume.rows for volume in side.volumes) == len(rows)
        assert side.volumes[0].first == train[FEATURE_DAY].min()
        assert side.volumes[0].days == train[FEATURE_DAY].nunique()
        assert side.volumes[0].mean_label == pytest.approx(train["late"].mean())
        assert (side.verdict, side.released_by) == ("passed", "gates")
        assert side.serves_from == side.as_of
        assert [measured.metric for measured in side.metrics][:3] == [
            "auc", "average_precision", "brier",
        ]  # fmt: skip
    gain = found.comparison[0]
    decision = lake.read("flight_delays/release_decision", [SECOND]).iloc[0]
    assert (gain.metric, gain.newer, gain.older) == (
        "auc", decision["challenger_value"], decision["champion_value"],
    )  # fmt: skip


def test_shifts_equal_those_computed_from_rows(lake: Lake) -> None:
    found = of_both(lake)

    rows = lake.read(DATASET, [SECOND]).query(f"{SPLIT} == 'train'").assign(**{DAY: SECOND})
    wholes = reference_from_rows(lake.read(REFERENCE, [FIRST]))
    _, counted = daily_profiles(rows, [whole.bins for whole in wholes])
    exact = {
        whole.bins.feature: float(distance(whole, merge([profile])))
        for whole, profile in zip(wholes, counted, strict=True)
    }
    assert found.shifts is not None
    assert {shift.feature: shift.distance for shift in found.shifts} == pytest.approx(
        exact, abs=0.017
    )
    assert {s.feature: s.distance for s in found.shifts}["carrier"] == pytest.approx(
        exact["carrier"], abs=1e-12
    )
    strengths = [shift.strength for shift in found.shifts]
    assert strengths == sorted(strengths, reverse=True)
    thresholds = lake.read(REFERENCE, [FIRST]).set_index("feature")["window_threshold"]
    first = found.shifts[0]
    assert first.threshold == thresholds[first.feature]


def test_same_code_parameters_and_libraries_are_no_difference(lake: Lake) -> None:
    found = of_both(lake)

    assert (found.parameters, found.modules, found.libraries) == ([], [], [])


def test_differences_of_parameters_code_and_libraries_are_reported(lake: Lake) -> None:
    code = lake.provenance.code(lake.ledger.latest(MODEL)[SECOND].code_version)
    assert code is not None
    [specification] = code.parameters
    changed = {**specification, "hyperparameters": {"max_iter": 7}}
    sql(
        lake,
        "INSERT INTO provenance_codes VALUES ('new', ?, ?)",
        json.dumps({**code.modules, "ml_assets.learning.dataset": "another"}),
        json.dumps([changed]),
    )
    sql(
        lake,
        "UPDATE ledger_entries SET code_version = 'new' WHERE table_name = ? AND day = ?",
        MODEL,
        SECOND,
    )
    run_id = lake.ledger.latest(MODEL)[FIRST].run_id
    sql(
        lake,
        "UPDATE provenance_runs SET libraries = replace(libraries, 'numpy', 'cupy') WHERE run_id = ?",
        run_id,
    )

    found = of_both(lake)

    assert found.parameters is not None
    assert Change("hyperparameters.max_iter", "120", "7") in found.parameters
    assert found.modules == [
        Change("ml_assets.learning.dataset", code.modules["ml_assets.learning.dataset"], "another")
    ]
    assert [change.what for change in found.libraries or ()] == ["cupy", "numpy"]


def test_deleted_and_unrecorded_parts_are_left_out(lake: Lake) -> None:
    sql(lake, "DELETE FROM provenance_runs")
    sql(lake, "DELETE FROM provenance_codes")
    lake.write(DATASET, lake.read(DATASET, [SECOND]).assign(late=1), [SECOND])
    sql(lake, "UPDATE ledger_entries SET version = 99 WHERE table_name = ?", REFERENCE)
    made = lake.ledger.latest(DATASET)[SECOND]
    lake.ledger.append([made.__class__(DATASET, SECOND, made.status, content_hash="other", rows=1)])
    vacuum(lake, DATASET)

    found = of_both(lake)

    assert (found.parameters, found.modules, found.libraries) == (None, None, None)
    assert (found.older.commit, found.newer.volumes) == ("", [])
    assert found.older.volumes
    json.dumps(asdict(found), allow_nan=False)


def test_changed_code_of_a_dataset_is_reported(lake: Lake) -> None:
    sql(
        lake,
        "UPDATE ledger_entries SET code_version = 'new' WHERE table_name = ? AND day = ?",
        DATASET,
        SECOND,
    )
    code = lake.provenance.code(lake.ledger.latest(DATASET)[FIRST].code_version)
    assert code is not None
    sql(
        lake,
        "INSERT INTO provenance_codes SELECT 'new', modules, parameters FROM provenance_codes "
        "WHERE code_version = ?",
        code.version,
    )
    made_by(lake, DATASET, SECOND, {"ml_assets.learning.dataset": "another"})

    assert [change.what for change in of_both(lake).modules or ()] == ["ml_assets.learning.dataset"]


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        pytest.param(1, 3, "There is no version of flight_delays '3'. Known: 1, 2", id="unknown"),
        pytest.param(2, 2, "Version 2 was given twice", id="twice"),
    ],
)
def test_versions_that_cannot_be_compared(lake: Lake, one: int, other: int, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        of_both(lake, one, other)
