"""Scoring: a prediction's identifier depends on its day and key only."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import Pipeline

from ml_assets.content import DAY
from ml_assets.learning.scorer.scorer import Scorer, build_scorer
from ml_assets.learning.scoring import PREDICTION_ID, prediction_ids, score, with_late_rows
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import predict, train

MONDAY, TUESDAY = "2013-07-08", "2013-07-09"
KEY = ["hour", "carrier", "flight"]

KEYS = st.tuples(
    st.datetimes(pd.Timestamp(2013, 1, 1).to_pydatetime(), pd.Timestamp(2014, 1, 1).to_pydatetime())
    | st.sampled_from([pd.Timestamp(2013, 7, 8).to_pydatetime()]),
    st.text(st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=3)
    | st.sampled_from(["|", "a|", "|a"]),
    st.integers(-(2**40), 2**40),
)


def rows(keys: list[tuple], day: str = MONDAY, timezone: str | None = "UTC") -> pd.DataFrame:
    """A row for each key, typed as a contract would."""
    hours = pd.Series([key[0] for key in keys], dtype="datetime64[us]")
    return pd.DataFrame(
        {
            DAY: pd.Series([day] * len(keys), dtype="str"),
            "hour": hours.dt.tz_localize(timezone) if timezone else hours,
            "carrier": pd.Series([key[1] for key in keys], dtype="str"),
            "flight": pd.Series([key[2] for key in keys], dtype="int64"),
        }
    )


@pytest.fixture
def pipeline(specification: ModelSpecification, dataset: pd.DataFrame) -> Pipeline:
    """A fitted model."""
    return train(specification, dataset).pipeline


@pytest.fixture
def scorer(specification: ModelSpecification, pipeline: Pipeline, dataset: pd.DataFrame) -> Scorer:
    """Its scorer."""
    return build_scorer(specification, pipeline, dataset[specification.features])


@pytest.fixture
def features(dataset: pd.DataFrame) -> pd.DataFrame:
    """Feature rows that can be identified, and are not numbered from 0."""
    numbers = np.arange(len(dataset))
    return dataset.drop(columns=["late", "split"]).assign(flight=numbers).set_index(numbers + 7)


@pytest.mark.parametrize("timezone", ["UTC", None], ids=["with timezone", "without"])
@pytest.mark.parametrize("key", [KEY, KEY[::-1]], ids=["time first", "time last"])
@given(st.lists(KEYS, min_size=1, max_size=6))
@settings(deadline=None, max_examples=20)
def test_row_has_the_same_id_alone_and_among_others(
    timezone: str | None, key: list[str], keys: list
) -> None:
    together = prediction_ids(rows(keys, timezone=timezone), key)

    alone = [prediction_ids(rows([one], timezone=timezone), key).iloc[0] for one in keys]

    assert together.tolist() == alone


@given(st.lists(KEYS, min_size=2, max_size=6, unique=True))
@settings(deadline=None, max_examples=30)
def test_distinct_keys_have_distinct_ids(keys: list) -> None:
    assert prediction_ids(rows(keys), KEY).is_unique


def test_parts_of_a_key_do_not_run_together() -> None:
    moment = pd.Timestamp(2013, 7, 8)
    frame = rows([(moment, "a|b", 1), (moment, "a", 1)]).assign(gate=["c", "b|c"])

    assert prediction_ids(frame, ["carrier", "gate"]).is_unique


def test_id_is_a_stable_hash_behind_the_day() -> None:
    (found,) = prediction_ids(rows([(pd.Timestamp(2013, 7, 8, 14), "UA", 17)]), KEY)

    assert found.startswith(f"{MONDAY}-")
    assert len(found) == len(MONDAY) + 1 + 16
    assert int(found.removeprefix(f"{MONDAY}-"), 16) > 0


def test_same_key_on_another_day_is_another_prediction() -> None:
    key = (pd.Timestamp(2013, 7, 8), "UA", 17)

    (monday,) = prediction_ids(rows([key]), KEY)
    (tuesday,) = prediction_ids(rows([key], TUESDAY), KEY)

    assert tuesday == monday.replace(MONDAY, TUESDAY)


def test_ids_do_not_depend_on_the_order_or_the_numbering_of_rows() -> None:
    frame = rows([(pd.Timestamp(2013, 7, 8, hour), "UA", hour) for hour in range(20)])
    shuffled = frame.sample(frac=1, random_state=1)

    found = prediction_ids(shuffled, KEY)

    assert [*found.index] == [*shuffled.index] != [*frame.index]
    pd.testing.assert_series_equal(found.sort_index(), prediction_ids(frame, KEY))


def test_id_is_of_the_key_alone() -> None:
    frame = rows([(pd.Timestamp(2013, 7, 8), "UA", 17)])

    assert [*prediction_ids(frame, KEY)] == [*prediction_ids(frame.assign(other=1), KEY)]
    assert [*prediction_ids(frame, KEY)] != [*prediction_ids(frame, KEY[:2])]


def test_no_rows_have_no_ids() -> None:
    assert prediction_ids(rows([]), KEY).tolist() == []


def test_scores_are_the_models_with_what_identifies_and_segments_them(
    specification: ModelSpecification, pipeline: Pipeline, scorer: Scorer, features: pd.DataFrame
) -> None:
    found = score(scorer, features, key=["flight"], segments=["carrier"])

    assert [*found.columns] == [DAY, "flight", "carrier", PREDICTION_ID, "prediction"]
    np.testing.assert_array_equal(found["prediction"], predict(specification, pipeline, features))
    assert found[PREDICTION_ID].tolist() == prediction_ids(features, ["flight"]).tolist()
    pd.testing.assert_frame_equal(found[["flight", "carrier"]], features[["flight", "carrier"]])


def test_column_that_is_key_and_segment_is_there_once(
    scorer: Scorer, features: pd.DataFrame
) -> None:
    found = score(scorer, features, key=["flight", "carrier"], segments=["carrier"])

    assert [*found.columns].count("carrier") == 1


def test_row_scored_alone_has_the_prediction_it_has_among_others(
    scorer: Scorer, features: pd.DataFrame
) -> None:
    def scored(rows: pd.DataFrame) -> pd.DataFrame:
        return score(scorer, rows, key=["flight"], segments=["carrier"])

    together = scored(features)

    pd.testing.assert_frame_equal(scored(features.iloc[[3]]), together.iloc[[3]])
    pd.testing.assert_frame_equal(scored(features.iloc[::-1]), together.iloc[::-1])


def test_nothing_to_score_gives_the_columns_all_the_same(
    scorer: Scorer, features: pd.DataFrame
) -> None:
    found = score(scorer, features.head(0), key=["flight"], segments=["carrier"])

    assert [*found.columns] == [DAY, "flight", "carrier", PREDICTION_ID, "prediction"]
    assert found.empty


def test_predictions_of_a_new_day_are_in_time() -> None:
    scored = pd.DataFrame({"prediction_id": ["a", "b"], "prediction": [0.1, 0.2]})

    assert list(with_late_rows(None, scored)["is_late"]) == [False, False]


def test_predictions_that_were_made_stay_and_rows_that_came_too_late_are_late() -> None:
    made = pd.DataFrame(
        {"prediction_id": ["a"], "prediction": [0.1], "is_replayed": [False], "is_late": [False]}
    )
    scored = pd.DataFrame(
        {
            "prediction_id": ["a", "in time", "too late"],
            "prediction": [0.9, 0.2, 0.3],
            "is_replayed": [True, False, True],
        }
    )

    found = with_late_rows(made, scored).set_index("prediction_id")

    assert found["prediction"].to_dict() == {"a": 0.1, "in time": 0.2, "too late": 0.3}
    assert found["is_late"].to_dict() == {"a": False, "in time": False, "too late": True}
    assert not found.loc["a", "is_replayed"]


def test_a_row_that_vanished_keeps_its_prediction() -> None:
    made = pd.DataFrame({"prediction_id": ["a", "b"], "prediction": [0.1, 0.2], "is_late": False})

    assert with_late_rows(made, made.head(1)) is made
